import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';
import { type Case, caseFiles, CaseRunner, readCases } from './cases.fake.ts';

let server: TestServer;
let runner: CaseRunner;
beforeAll(async () => {
  server = await startTestServer({ serving: { runtimeConfig: { 'api/all': true } } });
  runner = new CaseRunner(server);
  await runner.prepare();
}, 60_000);
afterAll(() => server.close());

const titleOf = ({ of, was, sub, set, query }: Case): string =>
  `${was ? 'update' : 'create'} ${of}${sub ? `/${sub}` : ''} ${query ?? ''} ${JSON.stringify(set)}`.slice(0, 160);

describe.each(caseFiles())('what is refused: %s', (file) => {
  const { bases, cases } = readCases(file);

  it.each([...bases])('takes the %s that the cases start from', async (of, base) => {
    expect(await runner.run(base, { of, set: {}, causes: [] })).toMatchObject({ status: 201, causes: [] });
  });

  it.each(cases.map((one) => [titleOf(one), one] as const))('%s', async (_title, one) => {
    const { status, causes, message } = await runner.run(bases.get(one.of) ?? {}, one);
    // A message has no types of errors.
    const told = one.status ? one.causes.filter((cause) => message.includes(cause.replace(/^\S+ /, ''))) : causes;
    expect({ status, causes: told }).toEqual({ status: one.status ?? 422, causes: one.causes });
  });
});
