import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, namespaces, pods, serviceaccounts } from '../../api/generated/resources.ts';
import { type RawAnswer, startTestServer, type TestServer } from '../replay/server.fake.ts';

type Json = Record<string, any>;

const historyBytes = 200_000;
const collection = '/api/v1/namespaces/t/configmaps';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ historyBytes });
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await server.admin.create(serviceaccounts, { metadata: { namespace: 't', name: 'default' } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await server.admin.create(configmaps, { metadata: { name, namespace: 't', labels: { n: name } } });
  }
});
afterAll(() => server.close());

const send = (method: string, path: string, body?: unknown): Promise<RawAnswer> =>
  server.send({
    method,
    path,
    headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
const ask = async (method: string, path: string, body?: unknown): Promise<Json> =>
  JSON.parse((await send(method, path, body)).body.toString()) as Json;
const names = (list: Json): string[] => (list.items as Json[]).map((item) => item.metadata.name);

const linesOf = (bytes: Buffer): Json[] =>
  bytes
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Json);

/** The first `count` events of a watch, while something is done. */
async function watched(path: string, count: number, during: () => Promise<unknown> = async () => {}): Promise<Json[]> {
  const pending = server.send({ method: 'GET', path, enough: (bytes) => linesOf(bytes).length >= count });
  await during();
  return linesOf((await pending).body);
}

describe('pages', () => {
  it('show one revision, whatever is written meanwhile', async () => {
    const first = await ask('GET', `${collection}?limit=2`);
    expect([names(first), first.metadata.remainingItemCount]).toEqual([['a', 'b'], 3]);
    await send('DELETE', `${collection}/c`);
    await send('POST', collection, { metadata: { name: 'cc' } });
    const second = await ask('GET', `${collection}?limit=2&continue=${first.metadata.continue}`);
    expect([names(second), second.metadata.resourceVersion]).toEqual([['c', 'd'], first.metadata.resourceVersion]);
    const last = await ask('GET', `${collection}?limit=2&continue=${second.metadata.continue}`);
    expect([names(last), last.metadata.continue]).toEqual([['e'], undefined]);
    await send('DELETE', `${collection}/cc`);
    await send('POST', collection, { metadata: { name: 'c' } });
  });

  it('end with 410 and a token for the rest when their revision is gone', async () => {
    const first = await ask('GET', `${collection}?limit=2`);
    const old = first.metadata.resourceVersion;
    for (let i = 0; i < 5; i++) await send('PATCH', `${collection}/e`, { data: { a: `${i}`.repeat(60_000) } });
    const gone = await ask('GET', `${collection}?limit=2&continue=${first.metadata.continue}`);
    expect([gone.code, gone.reason]).toEqual([410, 'Expired']);
    expect(names(await ask('GET', `${collection}?continue=${gone.metadata.continue}`))).toEqual(['c', 'd', 'e']);
    const exact = await ask('GET', `${collection}?resourceVersion=${old}&resourceVersionMatch=Exact`);
    expect([exact.code, exact.message]).toEqual([410, 'The resourceVersion for the provided list is too old.']);
    const resumed = await ask('GET', `${collection}?watch=1&resourceVersion=${old}`);
    expect(resumed).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
  });

  it('do not count what selectors hide', async () => {
    const list = await ask('GET', `${collection}?limit=1&labelSelector=n`);
    expect(list.metadata).toMatchObject({ continue: expect.any(String) });
    expect(list.metadata).not.toHaveProperty('remainingItemCount');
  });
});

describe('watches', () => {
  it('see a graceful deletion come nearer, and the end', async () => {
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
    const path = '/api/v1/namespaces/t/pods';
    const events = await watched(`${path}?watch=1&fieldSelector=metadata.name=g`, 5, async () => {
      await server.admin.create(pods, { metadata: { name: 'g', namespace: 't' }, spec } as never);
      await send('DELETE', `${path}/g`);
      await send('DELETE', `${path}/g`, { gracePeriodSeconds: 5 });
      await send('DELETE', `${path}/g`, { gracePeriodSeconds: 0 });
    });
    expect(events.map(({ type, object }) => [type, object.metadata.deletionGracePeriodSeconds])).toEqual([
      ['ADDED', undefined],
      ['MODIFIED', 30],
      ['MODIFIED', 5],
      ['MODIFIED', 0],
      ['DELETED', 0],
    ]);
  });

  it('end after their time, without an error', async () => {
    const answer = await send('GET', `${collection}?watch=1&timeoutSeconds=1&labelSelector=none`);
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });

  it('describe the columns of their tables once', async () => {
    const answer = await server.send({
      method: 'GET',
      path: `${collection}?watch=1`,
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
      enough: (bytes) => linesOf(bytes).length >= 2,
    });
    const [first, second] = linesOf(answer.body);
    expect(first?.object.columnDefinitions.map((column: Json) => column.name)).toEqual(['Name', 'Data', 'Age']);
    expect(second?.object.columnDefinitions).toBeNull();
  });
});

describe('limits', () => {
  it('refuse large bodies and large objects', async () => {
    const tooLarge = await ask('POST', collection, { metadata: { name: 'x' }, data: { a: 'x'.repeat(4_000_000) } });
    expect([tooLarge.code, tooLarge.message]).toEqual([413, 'Request entity too large: limit is 3145728']);
    const invalid = await ask('POST', collection, { metadata: { name: 'x' }, data: { a: 'x'.repeat(2 ** 20 + 1) } });
    expect([invalid.code, invalid.message]).toEqual([
      422,
      'ConfigMap "x" is invalid: []: Too long: may not be more than 1048576 bytes',
    ]);
  });
});

describe('writes', () => {
  it('without a version go to whatever is there', async () => {
    const put = await ask('PUT', `${collection}/a`, { metadata: { name: 'a' }, data: { k: 'v' } });
    expect([put.data, put.metadata.labels]).toEqual([{ k: 'v' }, undefined]);
  });

  it('of a service that leave out what was allocated keep it', async () => {
    const services = '/api/v1/namespaces/t/services';
    const spec = { type: 'NodePort', ports: [{ port: 80 }] };
    const made = await ask('POST', services, { metadata: { name: 's' }, spec });
    const put = await ask('PUT', `${services}/s`, { metadata: { name: 's' }, spec });
    expect(put.spec).toEqual(made.spec);
  });

  it('that evict nothing in a dry run leave the pod', async () => {
    const path = '/api/v1/namespaces/t/pods';
    await send('POST', path, { metadata: { name: 'e' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
    const eviction = { metadata: { name: 'e' }, deleteOptions: { gracePeriodSeconds: 0 } };
    expect((await send('POST', `${path}/e/eviction?dryRun=All`, eviction)).status).toBe(201);
    expect((await ask('GET', `${path}/e`)).metadata.deletionTimestamp).toBeUndefined();
    const different = await ask('POST', `${path}/e/eviction?dryRun=All`, {
      ...eviction,
      deleteOptions: { dryRun: ['X'] },
    });
    expect(different.message).toBe('Non-matching dry-run options in request and content: [All] and [X]');
  });
});

it('a name that the server makes is known to what depends on it', async () => {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } };
  const job = { metadata: { generateName: 'work-' }, spec: { template } };
  const { metadata, spec } = await ask('POST', '/apis/batch/v1/namespaces/t/jobs', job);
  expect(metadata.name).toMatch(/^work-[a-z0-9]{5}$/);
  expect(spec.template.metadata.labels['batch.kubernetes.io/job-name']).toBe(metadata.name);
  expect(metadata.labels).toEqual(spec.template.metadata.labels);
});

it('a secret may have a key with nothing behind it', async () => {
  const secret = { metadata: { name: 'tls' }, type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==', 'tls.key': null } };
  const answer = await send('POST', '/api/v1/namespaces/t/secrets', secret);
  expect(answer.status).toBe(201);
});

describe('the address of a balancer', () => {
  const path = '/api/v1/namespaces/t/services/balanced/status';
  const ingress = [{ ip: '203.0.113.1' }];
  const status = { loadBalancer: { ingress } };
  const filled = { status: { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } } };
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
  const metadata = { name: 'balanced' };
  beforeAll(() => send('POST', '/api/v1/namespaces/t/services', { metadata, spec }));

  it('gets its mode when the status is patched alone, and when it is sent with the spec', async () => {
    expect(await ask('PATCH', path, { status })).toMatchObject(filled);
    expect(await ask('PUT', path, { metadata, spec, status })).toMatchObject(filled);
  });

  it('has to say it in a status that is sent with a spec of another type, or none', async () => {
    const message = expect.stringContaining('ingress[0].ipMode: Required value: must be specified when `ip` is set');
    expect(await ask('PUT', path, { metadata, status })).toMatchObject({ code: 422, message });
    const other = { ...spec, type: 'ClusterIP' };
    expect(await ask('PUT', path, { metadata, spec: other, status })).toMatchObject({ code: 422, message });
    expect(await ask('PUT', path, { metadata, spec: other, ...filled })).toMatchObject(filled);
  });
});

it('a device is tainted from when somebody says so, unless they say since when', async () => {
  const said = '2025-01-01T00:00:00Z';
  const taints = [
    { key: 'a', effect: 'NoSchedule' },
    { key: 'b', effect: 'NoSchedule', timeAdded: said },
  ];
  const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
  const spec = { driver: 'd.example', pool, allNodes: true, devices: [{ name: 'd', taints }] };
  const path = '/apis/resource.k8s.io/v1/resourceslices';
  const timesOf = ({ spec: { devices } }: Json) => devices[0].taints.map((taint: Json) => taint.timeAdded);
  const made = await ask('POST', path, { metadata: { name: 's' }, spec });
  const times = [made.metadata.creationTimestamp, said];
  expect(timesOf(made)).toEqual(times);
  const labelled = await ask('PATCH', `${path}/s`, { metadata: { labels: { a: 'b' } } });
  expect(timesOf(labelled)).toEqual(times);
});

/** Found by the fuzzer. */
describe('words that every JavaScript object knows', () => {
  const limits = (item: object) => ({ metadata: { name: 'l' }, spec: { limits: [{ type: 'Container', ...item }] } });

  it.each([
    ['limitranges', limits({ max: { toString: '1' }, min: { cpu: '2' } })],
    ['limitranges', limits({ default: { valueOf: '1' }, defaultRequest: { cpu: '1' }, max: { constructor: '1' } })],
    [
      'pods',
      {
        metadata: { name: 'w' },
        spec: {
          containers: [{ name: 'c', image: 'i', resources: { requests: { toString: '1' }, limits: { cpu: '1' } } }],
        },
      },
    ],
  ])('are no resources of %s, and no fault of the server', async (resource, body) => {
    expect(await ask('POST', `/api/v1/namespaces/t/${resource}?dryRun=All`, body)).toMatchObject({ code: 422 });
  });

  it('are types of secrets like any other', async () => {
    for (const type of ['__proto__', 'toString'])
      expect(
        await ask('POST', '/api/v1/namespaces/t/secrets?dryRun=All', { metadata: { name: 's' }, type }),
      ).toMatchObject({ type });
  });
});

it('a grace period beyond every calendar ends with the calendar', async () => {
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
  await server.admin.create(pods, { metadata: { name: 'long', namespace: 't' }, spec } as never);
  const path = '/api/v1/namespaces/t/pods/long';
  const answer = await server.send({
    method: 'DELETE',
    path,
    headers: { 'content-type': 'application/json' },
    body: '{"gracePeriodSeconds":9007199254740993}',
  });
  expect(answer.status).toBe(200);
  expect((await ask('GET', path)).metadata.deletionTimestamp).toBe('9999-12-31T23:59:59Z');
  await send('DELETE', `${path}?gracePeriodSeconds=0`);
});
