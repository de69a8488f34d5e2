import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiProcess, type HttpAnswer } from './api-process.ts';
import { patch, WebhookServer } from './webhook-server.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const core = '/api/v1/namespaces/default';
const maps = `${core}/configmaps`;
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const ruleOf = (path: string, operations: string[] = ['*']) => {
  const [apiGroups = '', apiVersions = '', resources = ''] = path.split('/');
  return [{ apiGroups: [apiGroups], apiVersions: [apiVersions], resources: [resources], operations }];
};
const mapRules = ruleOf('/v1/configmaps', ['CREATE', 'UPDATE']);

let server: ApiProcess;
let hooks: WebhookServer;
const made: string[] = [];
type Sort = 'mutating' | 'validating';
const configurations = (sort: Sort) => `${group}/${sort}webhookconfigurations`;
const hook = (name: string, more: object) => ({
  ...{ name: `${name}.test.io`, rules: mapRules, sideEffects: 'None', admissionReviewVersions: ['v1'] },
  ...more,
});

const create = async (path: string, object: { metadata: { name: string } }): Promise<HttpAnswer> => {
  const answer = await server.post(path, object);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  made.push(`${path}/${object.metadata.name}`);
  return answer;
};
/** A configuration of one webhook. */
const configure = (sort: Sort, name: string, more: object, labels: object = {}) =>
  create(configurations(sort), { metadata: { name, labels }, webhooks: [hook(name, more)] } as {
    metadata: { name: string };
  });
const map = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  data,
});

beforeAll(async () => {
  server = await ApiProcess.start();
  hooks = await WebhookServer.start(server.pki);
  await server.post(`${core}/serviceaccounts`, { metadata: { name: 'default' } });
});
afterEach(async () => {
  for (const path of made.splice(0).reverse()) await server.send('DELETE', path);
  for (const { metadata } of (await server.get(maps)).body.items)
    expect((await server.send('DELETE', `${maps}/${metadata.name}`)).status).toBe(200);
});
afterAll(async () => {
  await server.close();
  await hooks.close();
});

const changed = (request: { object: { data?: object } }) =>
  patch(...(request.object.data ? [] : [{ op: 'add', path: '/data', value: {} }]), {
    ...{ op: 'add', path: '/data/hook', value: 'was here' },
  });
const sorts = [
  { sort: 'mutating', answer: changed, acted: ({ body }: HttpAnswer) => body.data?.hook === 'was here' },
  {
    sort: 'validating',
    answer: () => ({ allowed: false, status: { message: 'no' } }),
    acted: ({ body }: HttpAnswer) => body.message?.endsWith('denied the request: no') ?? false,
  },
] as const;

describe.each(sorts)('a configuration of $sort webhooks', ({ sort, answer, acted }) => {
  let clientConfig: object;
  const path = configurations(sort);
  const acts = async (name: string): Promise<boolean> => acted(await server.post(maps, map(name)));
  beforeEach(() => {
    clientConfig = hooks.on('/act', answer);
  });

  it('is listed by its labels, and goes with its collection', async () => {
    for (const name of ['one', 'two', 'three']) await configure(sort, name, { clientConfig }, { listed: 'yes' });
    const selected = `${path}?labelSelector=listed=yes`;
    const { body } = await server.get(selected);
    expect(body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual([
      ...['one', 'three', 'two'],
    ]);
    expect(await acts('before')).toBe(true);
    expect((await server.send('DELETE', selected)).status).toBe(200);
    expect((await server.get(selected)).body.items).toEqual([]);
    expect(await acts('after')).toBe(false);
  });

  it('holds as it was last updated or patched', async () => {
    const { body } = await configure(sort, 'changing', { clientConfig });
    expect(await acts('at-first')).toBe(true);
    const without = hook('changing', { clientConfig, rules: ruleOf('/v1/configmaps', ['UPDATE']) });
    const updated = await server.put(`${path}/changing`, { ...body, webhooks: [without] });
    expect([updated.status, updated.body.webhooks[0].rules[0].operations]).toEqual([200, ['UPDATE']]);
    expect(await acts('updated')).toBe(false);
    const operation = { op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] };
    expect((await server.patch(`${path}/changing`, [operation], 'json-patch+json')).status).toBe(200);
    expect(await acts('patched')).toBe(true);
  });

  it('has match conditions, which may change', async () => {
    const conditions = (...names: string[]) =>
      names.map((name) => ({ name: `not-${name}`, expression: `object.metadata.name != "${name}"` }));
    const { body } = await configure(sort, 'picky', { clientConfig, matchConditions: conditions('quiet') });
    expect(body.webhooks[0].matchConditions).toEqual(conditions('quiet'));
    expect([await acts('quiet'), await acts('loud')]).toEqual([false, true]);
    const [webhook] = body.webhooks;
    const webhooks = [{ ...webhook, matchConditions: conditions('silent', 'still') }];
    const updated = await server.put(`${path}/picky`, { ...body, webhooks });
    expect([updated.status, updated.body.webhooks[0].matchConditions]).toEqual([200, conditions('silent', 'still')]);
    const now = [];
    for (const name of ['silent', 'still', 'other']) now.push(await acts(name));
    expect(now).toEqual([false, false, true]);
  });

  it('is refused with match conditions that are no expressions', async () => {
    const matchConditions = [{ name: 'broken', expression: '... [] bad expression' }];
    const { status, body } = await server.post(path, {
      metadata: { name: 'broken' },
      webhooks: [hook('broken', { clientConfig, matchConditions })],
    });
    expect([status, body.details.causes[0].field]).toEqual([422, 'webhooks[0].matchConditions[0].expression']);
    expect(body.message).toContain('compilation failed: ');
    expect((await server.get(`${path}/broken`)).status).toBe(404);
  });

  it('is neither changed nor kept by webhooks', async () => {
    const rules = ['validating', 'mutating'].flatMap((one) =>
      ruleOf(`admissionregistration.k8s.io/*/${one}webhookconfigurations`),
    );
    await configure('validating', 'keeps', { clientConfig: hooks.on('/keep', () => ({ allowed: false })), rules });
    const label = () => patch({ op: 'add', path: '/metadata/labels', value: { by: 'hook' } });
    await configure('mutating', 'labels', { clientConfig: hooks.on('/label', label), rules });
    hooks.asked.length = 0;
    const { body } = await configure(sort, 'plain', { clientConfig });
    expect(body.metadata.labels?.by).toBeUndefined();
    expect((await server.send('DELETE', `${path}/plain`)).status).toBe(200);
    expect((await server.get(`${path}/plain`)).status).toBe(404);
    expect(hooks.asked).toEqual([]);
  });
});

it('the kinds of configurations are in every discovery document', async () => {
  const name = 'admissionregistration.k8s.io';
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  const { groups } = (await server.get('/apis')).body;
  expect(groups.find((one: { name: string }) => one.name === name).versions).toContainEqual(version);
  expect((await server.get(`/apis/${name}`)).body.versions).toContainEqual(version);
  const { resources } = (await server.get(group)).body;
  expect(resources.map((one: { name: string }) => one.name)).toEqual(
    expect.arrayContaining(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']),
  );
});

/** Adds `data[stage]` when `data[before]` is there: webhooks build on each other. */
const stage = (before: string, name: string) =>
  hooks.on(`/${name}`, ({ object }) =>
    object.data?.[before] === 'yes' ? patch({ op: 'add', path: `/data/${name}`, value: 'yes' }) : { allowed: true },
  );
const stages = async (rules: object) => {
  await configure('mutating', 'a', { clientConfig: stage('start', 'stage-1'), rules });
  await configure('mutating', 'b', { clientConfig: stage('stage-1', 'stage-2'), rules });
};

describe('webhooks that change', () => {
  it('build on each other', async () => {
    await stages(mapRules);
    const { body } = await server.post(maps, map('staged', { start: 'yes' }));
    expect(body.data).toEqual({ start: 'yes', 'stage-1': 'yes', 'stage-2': 'yes' });
  });

  it('leave alone what their conditions leave out', async () => {
    const matchConditions = [{ name: 'skip-me', expression: 'object.metadata.name != "skip-me"' }];
    await configure('mutating', 'others', { clientConfig: hooks.on('/act', changed), matchConditions });
    expect((await server.post(maps, map('skip-me', { own: 'x' }))).body.data).toEqual({ own: 'x' });
    expect((await server.post(maps, map('take-me'))).body.data).toEqual({ hook: 'was here' });
  });

  it('need not fill in what has a default', async () => {
    const add = { op: 'add', path: '/spec/initContainers', value: [{ name: 'added', image: 'i' }] };
    await configure('mutating', 'init', {
      clientConfig: hooks.on('/init', () => patch(add)),
      rules: ruleOf('/v1/pods', ['CREATE']),
    });
    const { body } = await create(`${core}/pods`, {
      metadata: { name: 'initial' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    } as { metadata: { name: string } });
    expect(body.spec.initContainers).toMatchObject([
      {
        name: 'added',
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
      },
    ]);
  });
});

const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
/** A kind of custom resources with `data`; of the versions, the first one is stored. */
const define = async (plural: string, versions: string[], data: object = free) => {
  made.push(`${definitions}/${plural}.hooked.io`);
  await server.define({
    metadata: { name: `${plural}.hooked.io` },
    spec: {
      ...{ group: 'hooked.io', scope: 'Namespaced', names: { plural, kind: `Kind${plural}` } },
      versions: versionsOf(versions, data),
    },
  } as { metadata: { name: string } });
  const rules = ruleOf(`hooked.io/*/${plural}`);
  const path = (version: string) => `/apis/hooked.io/${version}/namespaces/default/${plural}`;
  const object = (version: string, name: string, more: object) => ({
    ...{ apiVersion: `hooked.io/${version}`, kind: `Kind${plural}`, metadata: { name } },
    data: more,
  });
  return { rules, path, object };
};
const versionsOf = ([stored, ...others]: string[], data: object) =>
  [stored, ...others].map((name) => ({
    ...{ name, served: true, storage: name === stored },
    schema: { openAPIV3Schema: { type: 'object', properties: { data } } },
  }));

describe('webhooks and custom resources', () => {
  it('are changed like all objects', async () => {
    const { rules, path, object } = await define('plain', ['v1']);
    await stages(rules);
    const { body } = await server.post(path('v1'), object('v1', 'one', { start: 'yes' }));
    expect(body.data).toEqual({ start: 'yes', 'stage-1': 'yes', 'stage-2': 'yes' });
  });

  it('what the schema does not know is not kept for webhooks either', async () => {
    const text = { type: 'string' };
    const properties = { start: text, 'stage-1': text };
    const { rules, path, object } = await define('pruned', ['v1'], { type: 'object', properties });
    await stages(rules);
    const { body } = await server.post(path('v1'), object('v1', 'one', { start: 'yes' }));
    expect(body.data).toEqual({ start: 'yes', 'stage-1': 'yes' });
    expect((await server.get(`${path('v1')}/one`)).body.data).toEqual({ start: 'yes', 'stage-1': 'yes' });
  });

  it('are changed in one version when another is stored now', async () => {
    const { rules, path, object } = await define('moving', ['v1', 'v2']);
    await stages(rules);
    await server.post(path('v1'), object('v1', 'one', { start: 'yes' }));
    const spec = { versions: versionsOf(['v2', 'v1'], free) };
    expect((await server.patch(`${definitions}/moving.hooked.io`, { spec })).status).toBe(200);
    await server.until(`${definitions}/moving.hooked.io`, ({ body }) => body.status.storedVersions.includes('v2'));
    const { status, body } = await server.patch(`${path('v1')}/one`, { data: { 'stage-1': null, more: 'x' } });
    expect([status, body.apiVersion, body.data]).toEqual([
      ...[200, 'hooked.io/v1'],
      { start: 'yes', 'stage-1': 'yes', 'stage-2': 'yes', more: 'x' },
    ]);
    expect((await server.get(`${path('v2')}/one`)).body).toMatchObject({ apiVersion: 'hooked.io/v2', data: body.data });
  });

  it('may be refused when they are made, changed and deleted', async () => {
    const { rules, path, object } = await define('guarded', ['v1']);
    const clientConfig = hooks.on('/guard', ({ object: now, oldObject }) =>
      (now ?? oldObject).data.guarded === 'yes'
        ? { allowed: false, status: { message: 'the custom resource contains unwanted data' } }
        : { allowed: true },
    );
    const refusal = [
      400,
      'admission webhook "guard.test.io" denied the request: the custom resource contains unwanted data',
    ];
    const said = ({ status, body }: HttpAnswer) => [status, body.message];
    await server.post(path('v1'), object('v1', 'old', { guarded: 'yes' }));
    await configure('validating', 'guard', { clientConfig, rules });
    expect(said(await server.post(path('v1'), object('v1', 'new', { guarded: 'yes' })))).toEqual(refusal);
    expect((await server.post(path('v1'), object('v1', 'free', { a: 'b' }))).status).toBe(201);
    expect(said(await server.patch(`${path('v1')}/free`, { data: { guarded: 'yes' } }))).toEqual(refusal);
    expect(said(await server.send('DELETE', `${path('v1')}/old`))).toEqual(refusal);
    expect((await server.patch(`${path('v1')}/old`, { data: { guarded: 'no' } })).status).toBe(200);
    expect((await server.send('DELETE', `${path('v1')}/old`)).status).toBe(200);
  });

  it('even their definitions may be refused', async () => {
    const clientConfig = hooks.on('/definition', ({ object }) =>
      object.metadata.labels?.unwanted ? { allowed: false, status: { message: 'unwanted' } } : { allowed: true },
    );
    const rules = ruleOf('apiextensions.k8s.io/*/customresourcedefinitions', ['CREATE']);
    await configure('validating', 'definitions', { clientConfig, rules });
    const names = { plural: 'never', kind: 'Never' };
    const { status, body } = await server.post(definitions, {
      metadata: { name: 'never.hooked.io', labels: { unwanted: 'yes' } },
      spec: { group: 'hooked.io', scope: 'Cluster', names, versions: versionsOf(['v1'], free) },
    });
    expect([status, body.message]).toEqual([
      400,
      'admission webhook "definitions.test.io" denied the request: unwanted',
    ]);
    expect((await server.get(`${definitions}/never.hooked.io`)).status).toBe(404);
  });
});

describe('webhooks that refuse', () => {
  interface Asked {
    object: { metadata: { labels?: { unwanted?: string; hangs?: string } } };
  }
  /** Refuses what is called unwanted, and never answers for what hangs. */
  const judge = ({ object: { metadata } }: Asked) =>
    metadata.labels?.hangs
      ? new Promise<never>(() => {})
      : metadata.labels?.unwanted
        ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'the object is unwanted' } }
        : { allowed: true };
  const refusal = [403, 'admission webhook "judge.test.io" denied the request: the object is unwanted'];
  const said = ({ status, body }: HttpAnswer) => [status, body.message];
  const labels = { unwanted: 'yes' };

  it('keep pods and maps from being made, maps from being changed, but in namespaces that are left out', async () => {
    const namespaceSelector = { matchExpressions: [{ key: 'free', operator: 'DoesNotExist' }] };
    const rules = [...ruleOf('/v1/pods', ['CREATE']), ...mapRules];
    await configure('validating', 'judge', {
      ...{ clientConfig: hooks.on('/judge', judge), rules, namespaceSelector, timeoutSeconds: 1 },
    });
    const pod = (name: string, more: object) => ({
      metadata: { name, ...more },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    expect(said(await server.post(`${core}/pods`, pod('unwanted', { labels })))).toEqual(refusal);
    const [status, message] = said(await server.post(`${core}/pods`, pod('hangs', { labels: { hangs: 'yes' } })));
    expect([status, message]).toEqual([500, expect.stringContaining('context deadline exceeded')]);
    expect((await server.get(`${core}/pods`)).body.items).toEqual([]);
    await create(`${core}/pods`, pod('wanted', {}));

    expect(said(await server.post(maps, map('unwanted', {}, labels)))).toEqual(refusal);
    const { body } = await server.post(maps, map('wanted'));
    const unwanted = { ...body, metadata: { ...body.metadata, labels } };
    expect(said(await server.put(`${maps}/wanted`, unwanted))).toEqual(refusal);
    expect(said(await server.patch(`${maps}/wanted`, { metadata: { labels } }))).toEqual(refusal);
    expect((await server.get(`${maps}/wanted`)).body.metadata.labels).toBeUndefined();
    await create('/api/v1/namespaces', { metadata: { name: 'free', labels: { free: 'yes' } } } as never);
    expect((await server.post('/api/v1/namespaces/free/configmaps', map('unwanted', {}, labels))).status).toBe(201);
  });

  it('fail the request where their server is not there, in the namespaces that are selected', async () => {
    const namespaceSelector = { matchLabels: { closed: 'yes' } };
    const service = { namespace: 'default', name: 'no-such-service', path: '/x' };
    await create('/api/v1/namespaces', { metadata: { name: 'closed', labels: { closed: 'yes' } } } as never);
    await configure('validating', 'closed', { clientConfig: { service }, namespaceSelector, failurePolicy: 'Fail' });
    expect(said(await server.post('/api/v1/namespaces/closed/configmaps', map('any')))).toEqual([
      500,
      'Internal error occurred: failed calling webhook "closed.test.io": failed to call webhook: service "no-such-service" not found',
    ]);
    expect((await server.post(maps, map('any'))).status).toBe(201);
  });
});

it('a webhook is waited for as long as its configuration says, and 10 s unless told', async () => {
  const waiting: (() => void)[] = [];
  const clientConfig = hooks.on('/slow', async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { allowed: true };
  });
  const cases = {
    fails: { failurePolicy: 'Fail', timeoutSeconds: 1 },
    ignored: { failurePolicy: 'Ignore', timeoutSeconds: 1 },
    patient: { failurePolicy: 'Fail', timeoutSeconds: 5 },
    usual: { failurePolicy: 'Fail' },
  };
  for (const [name, more] of Object.entries(cases))
    await configure('validating', name, { ...more, clientConfig, objectSelector: { matchLabels: { asks: name } } });
  const post = (name: string) => server.post(maps, map(name, {}, { asks: name }));
  const [patient, usual] = [post('patient'), post('usual')];
  const [failed, ignored] = await Promise.all([post('fails'), post('ignored')]);
  expect([failed.status, ignored.status]).toEqual([500, 201]);
  expect(failed.body.message).toMatch(/failed calling webhook "fails\.test\.io".*context deadline exceeded/);
  // What is late for the first two is in time for the others.
  for (const answer of waiting) answer();
  expect([(await patient).status, (await usual).status]).toEqual([201, 201]);
  const { webhooks } = (await server.get(`${configurations('validating')}/usual`)).body;
  expect(webhooks[0].timeoutSeconds).toBe(10);
});
