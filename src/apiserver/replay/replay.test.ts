import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparable } from './comparable.ts';
import { masked } from './masked.ts';
import { during, namespacesOf, preparations, type Step } from './preparations.ts';
import { reasonOf } from './reasons.ts';
import { bodyOf, modernized, Replay } from './replay.fake.ts';
import { startTestServer, type TestServer } from './server.fake.ts';
import { differences } from './tokens.ts';
import { type Exchange, transcript } from './transcript.ts';

const files = ['apply', 'defaults', 'delete', 'discovery', 'errors', 'patch', 'subresources', 'tables', 'watch'];

/** Known gaps to the recorded server. The number may only fall. */
const gaps = { most: 3, found: [] as string[] };

async function prepared(server: TestServer, file: string): Promise<Replay> {
  const replay = new Replay(server);
  for (const name of ['default', ...(namespacesOf[file] ?? [])]) {
    await replay.prepare('POST', '/api/v1/namespaces', { metadata: { name } });
    await replay.prepare('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
    const authority = { metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': '' } };
    await replay.prepare('POST', `/api/v1/namespaces/${name}/configmaps`, authority, 'kube-controller-manager');
  }
  // Tables are of the objects that the chapter on defaults has made.
  if (file === 'tables') for (const exchange of transcript('defaults')) await replay.send(modernized(exchange));
  return replay;
}

async function outcome(replay: Replay, exchange: Exchange, steps: Step[]): Promise<string[]> {
  const answer = await replay.send(exchange, async () => {
    for (const [method, path, body] of steps) await replay.prepare(method, path, body);
  });
  const { response } = exchange;
  const warning = answer.headers.warning ?? '';
  return [
    ...(answer.status === response.status ? [] : [`status: ${response.status} ≠ ${answer.status}`]),
    ...(warning === (response.headers.Warning ?? '') ? [] : [`warning: ${response.headers.Warning} ≠ ${warning}`]),
    ...differences(comparable(response.body), comparable(bodyOf(exchange, answer)), replay.tokens),
  ];
}

describe.each(files)('recorded from a real API server: %s', (file) => {
  let server: TestServer;
  let replay: Replay;
  const found: string[] = [];

  beforeAll(async () => {
    server = await startTestServer();
    replay = await prepared(server, file);
  }, 60_000);
  afterAll(() => server.close());

  for (const recorded of transcript(file)) {
    const at = `${file}/${recorded.group}/${recorded.name}`;
    const reason = reasonOf(at);
    if (reason?.kind === 'elsewhere') continue;
    it(recorded.name, async () => {
      const exchange = modernized(recorded);
      const steps = preparations[file]?.[recorded.name] ?? [];
      for (const [method, path, body] of steps) await replay.prepare(method, path, body);
      const lines = await outcome(replay, exchange, during[file]?.[recorded.name] ?? []);
      if (lines.length === 0) return;
      expect(reason, `${at} has no reason to differ:\n${lines.join('\n')}`).toBeDefined();
      if (reason?.kind === 'gap') gaps.found.push(at);
      found.push(`## ${at}`, ...lines.slice(0, 12).map(masked), '');
    });
  }

  it('differs in nothing but what is written down', async () => {
    await expect(found.join('\n')).toMatchFileSnapshot(
      join(import.meta.dirname, 'testdata/differences', `${file}.txt`),
    );
  });
});

it('has no more gaps than before', () => {
  expect(gaps.found.length).toBeLessThanOrEqual(gaps.most);
});
