import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { namespaces } from '../api/generated/resources.ts';
import { toJson } from '../base/lossless-json.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

/** What no JavaScript number holds. */
const big = '9007199254740993';
const least = '-9223372036854775808';

const schema = {
  type: 'object',
  properties: {
    size: {
      type: 'integer',
      format: 'int64',
      minimum: -(2 ** 63),
      'x-kubernetes-validations': [{ rule: `self != 9007199254740992`, message: 'one less' }],
    },
    other: { type: 'integer', format: 'int64' },
    any: { 'x-kubernetes-preserve-unknown-fields': true, type: 'object' },
  },
};
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boxes.ex.io' },
  spec: {
    group: 'ex.io',
    scope: 'Namespaced',
    names: { plural: 'boxes', singular: 'box', kind: 'Box', listKind: 'BoxList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: schema } } },
      },
    ],
  },
};

let server: TestServer;
const send = async (method: string, path: string, text?: string, type = 'application/json') => {
  const headers: Record<string, string> = text === undefined ? { accept: type } : { 'content-type': type };
  const { status, body } = await server.send({ method, path, headers, body: text });
  return { status, text: body.toString('latin1') };
};
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', toJson(definition));
  const ready = async () => (await send('GET', boxes)).status === 200;
  await vi.waitFor(async () => expect(await ready()).toBe(true));
});
afterAll(() => server.close());

const boxes = '/apis/ex.io/v1/namespaces/t/boxes';
const jobs = '/apis/batch/v1/namespaces/t/cronjobs';
const box = (name: string, spec: string) =>
  `{"apiVersion":"ex.io/v1","kind":"Box","metadata":{"name":"${name}"},"spec":${spec}}`;
const job = (name: string, seconds: string) =>
  `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"${name}"},"spec":{"schedule":"* * * * *","startingDeadlineSeconds":${seconds},"jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}}}`;

describe('whole numbers of 64 bits', () => {
  it('of custom resources come back as they were sent: one, listed, as YAML', async () => {
    const made = await send('POST', boxes, box('a', `{"size":${big},"other":${least},"any":{"x":[${big}]}}`));
    expect(made.status).toBe(201);
    for (const text of [made.text, (await send('GET', `${boxes}/a`)).text, (await send('GET', boxes)).text]) {
      expect(text).toContain(`"size":${big}`);
      expect(text).toContain(`"other":${least}`);
      expect(text).toContain(`"x":[${big}]`);
    }
    const yaml = await send('GET', `${boxes}/a`, undefined, 'application/yaml');
    expect(yaml.text).toContain(`size: ${big}\n`);
  });

  it('are compared exactly by rules and in patches', async () => {
    const wrong = await send('POST', boxes, box('b', '{"size":9007199254740992}'));
    expect([wrong.status, wrong.text]).toEqual([
      422,
      expect.stringContaining('spec.size: Invalid value: \\"integer\\": one less'),
    ]);
    await send('POST', boxes, box('c', `{"size":${big}}`));
    const merged = await send('PATCH', `${boxes}/c`, `{"spec":{"other":${big}}}`, 'application/merge-patch+json');
    expect(merged.text).toContain(`"spec":{"other":${big},"size":${big}}`);
    const patch = (value: string) =>
      `[{"op":"test","path":"/spec/size","value":${value}},{"op":"remove","path":"/spec/other"}]`;
    const json = 'application/json-patch+json';
    expect((await send('PATCH', `${boxes}/c`, patch('9007199254740995'), json)).status).toBe(422);
    expect((await send('PATCH', `${boxes}/c`, patch(big), json)).status).toBe(200);
  });

  it('are applied, from YAML and JSON', async () => {
    const yaml = `apiVersion: ex.io/v1\nkind: Box\nmetadata:\n  name: d\nspec:\n  size: ${big}\n`;
    const path = `${boxes}/d?fieldManager=m&force=true`;
    const type = 'application/apply-patch+yaml';
    expect((await send('PATCH', path, yaml, type)).text).toContain(`"size":${big}`);
    expect((await send('PATCH', path, box('d', `{"size":${least}}`), type)).text).toContain(`"size":${least}`);
  });

  it('of built-in kinds keep their digits in JSON and in protobuf', async () => {
    const made = await send('POST', jobs, job('a', big));
    expect(made.text).toContain(`"startingDeadlineSeconds":${big}`);
    const message = await server.send({
      method: 'GET',
      path: `${jobs}/a`,
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
    });
    const again = await server.send({
      method: 'PUT',
      path: `${jobs}/a`,
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      body: message.body,
    });
    expect(again.body.toString()).toContain(`"startingDeadlineSeconds":${big}`);
    const negative = await send('POST', jobs, job('b', least));
    expect(negative.text).toContain(`Invalid value: ${least}: must be greater than or equal to 0`);
    const beyond = await send('POST', jobs, job('c', '9223372036854775808'));
    expect([beyond.status, beyond.text]).toEqual([
      400,
      expect.stringContaining('cannot unmarshal number 9223372036854775808'),
    ]);
  });
});
