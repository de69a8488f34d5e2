import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiProcess } from './api-process.ts';
import { customOf, definition, definitions, redefine, versionsOf } from './definitions.ts';
import { WebhookServer } from './webhook-server.ts';

let server: ApiProcess;
beforeAll(async () => {
  server = await ApiProcess.start();
});
afterAll(() => server.close());

const namesOf = (items: { metadata: { name: string } }[]): string[] => items.map(({ metadata }) => metadata.name);
const text = { type: 'string' };
const objectOf = (properties: object) => ({ type: 'object', properties });

describe('a definition', () => {
  it('is made, serves its kind, and is deleted with it', async () => {
    const boats = definition('boats');
    const { path, object } = customOf(boats);
    expect((await server.get(path)).status).toBe(404);
    const { body } = await server.define(boats);
    expect(body.spec.names).toMatchObject({ plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' });
    expect((await server.post(path, object('one'))).status).toBe(201);
    expect((await server.send('DELETE', `${definitions}/boats.test.io`)).status).toBe(200);
    await server.until(`${definitions}/boats.test.io`, ({ status }) => status === 404);
    await server.until(path, ({ status }) => status === 404);
  });

  it('is listed by its labels, and goes with its collection', async () => {
    const plurals = ['ones', 'twos', 'threes'];
    for (const plural of plurals) {
      const made = definition(plural);
      await server.define({ ...made, metadata: { ...made.metadata, labels: { listed: 'yes' } } } as typeof made);
    }
    const selected = `${definitions}?labelSelector=listed=yes`;
    const list = await server.get(selected);
    expect(list.body.kind).toBe('CustomResourceDefinitionList');
    expect(namesOf(list.body.items)).toEqual(plurals.map((plural) => `${plural}.test.io`).sort());
    expect((await server.send('DELETE', selected)).status).toBe(200);
    await server.until(selected, ({ body }) => body.items.length === 0);
  });

  it('has a status of its own, which is read, replaced and patched', async () => {
    await server.define(definition('states'));
    const path = `${definitions}/states.test.io/status`;
    const read = await server.get(path);
    expect(read.body.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Established', status: 'True' }),
    );
    const condition = (type: string) => ({
      ...{ type, status: 'True', reason: 'Tried', message: 'set by a test' },
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    const conditions = [...read.body.status.conditions, condition('Replaced')];
    const names = { ...read.body.spec.names, shortNames: ['st'] };
    const replaced = await server.put(path, {
      ...read.body,
      spec: { ...read.body.spec, names },
      status: { ...read.body.status, conditions },
    });
    expect([replaced.status, replaced.body.spec.names.shortNames]).toEqual([200, undefined]);
    expect(replaced.body.status.conditions).toContainEqual(condition('Replaced'));
    const patched = await server.patch(path, { status: { conditions: [...conditions, condition('Patched')] } });
    expect(patched.body.status.conditions).toContainEqual(condition('Patched'));
    expect((await server.get(`${definitions}/states.test.io`)).body.status).toEqual(patched.body.status);
  });

  it('is in every discovery document', async () => {
    const version = { groupVersion: 'apiextensions.k8s.io/v1', version: 'v1' };
    const { groups } = (await server.get('/apis')).body;
    const group = groups.find(({ name }: { name: string }) => name === 'apiextensions.k8s.io');
    expect(group.versions).toContainEqual(version);
    expect((await server.get('/apis/apiextensions.k8s.io')).body.versions).toContainEqual(version);
    const { resources } = (await server.get('/apis/apiextensions.k8s.io/v1')).body;
    expect(resources).toContainEqual(
      expect.objectContaining({ name: 'customresourcedefinitions', kind: 'CustomResourceDefinition' }),
    );
  });
});

it('those who watch a custom resource by its name see its life, and no other', async () => {
  const birds = definition('birds');
  await server.define(birds);
  const { path, object } = customOf(birds);
  const seen: Record<string, string[]> = { a: [], b: [] };
  const resource = { group: 'test.io', version: 'v1', resource: 'birds', kind: 'Bird', namespaced: false };
  const watches = Object.entries(seen).map(([name, events]) =>
    server.client().watch(
      resource,
      { fieldSelector: `metadata.name=${name}` },
      {
        events: (all) => events.push(...all.map(({ type, object: { metadata } }) => `${type} ${metadata.name}`)),
        end: () => {},
      },
    ),
  );
  for (const name of ['a', 'b']) await server.post(path, object(name));
  for (const name of ['a', 'b']) await server.patch(`${path}/${name}`, { song: 'loud' });
  for (const name of ['a', 'b']) await server.send('DELETE', `${path}/${name}`);
  await vi.waitFor(() => expect(Object.values(seen).map(({ length }) => length)).toEqual([3, 3]));
  for (const [name, events] of Object.entries(seen))
    expect(events).toEqual(['ADDED', 'MODIFIED', 'DELETED'].map((type) => `${type} ${name}`));
  for (const watch of watches) watch.stop();
});

it('defaults are there for what is asked, for what is null, and for what was stored before they were', async () => {
  const schema = (properties: object) => versionsOf({ v1: { schema: objectOf(properties) } });
  const a = { type: 'string', default: 'A' };
  const lamps = definition('lamps', { versions: schema({ a, b: text }) });
  await server.define(lamps);
  const { path, object } = customOf(lamps);
  const dataOf = ({ body: { a, b, c } }: { body: Record<string, unknown> }) => [a, b, c];
  expect(dataOf(await server.post(path, object('old')))).toEqual(['A', undefined, undefined]);

  const c = { type: 'string', nullable: true, default: 'C' };
  await redefine(server, 'lamps.test.io', { versions: schema({ a, b: { type: 'string', default: 'B' }, c }) });
  await server.until(`${path}/old`, ({ body }) => body.b !== undefined);
  expect(dataOf(await server.get(`${path}/old`))).toEqual(['A', 'B', 'C']);
  expect(dataOf((await server.get(path)).body.items.map((body: object) => ({ body }))[0])).toEqual(['A', 'B', 'C']);
  // Null is no value where the schema does not know null.
  expect(dataOf(await server.post(path, object('new', { a: null, b: null, c: null })))).toEqual(['A', 'B', null]);
  expect(dataOf(await server.patch(`${path}/new`, { a: 'x', b: null }))).toEqual(['x', 'B', null]);
  const { body } = await server.get(`${path}/old`);
  const replaced = await server.put(`${path}/old`, { ...body, a: undefined, b: 'y', c: undefined });
  expect(dataOf(replaced)).toEqual(['A', 'y', 'C']);
});

const hosts = { host: text, port: text };
/** v1 says `host` and `port`, v2 `hostPort` in one. */
async function convertedPeers(hooks: WebhookServer, plural: string) {
  const clientConfig = hooks.on('/convert', ({ objects, desiredAPIVersion }) => ({
    result: { status: 'Success' },
    convertedObjects: objects.map(({ host, port, hostPort, ...rest }: Record<string, string>) => {
      const apiVersion = desiredAPIVersion;
      if (rest.apiVersion === apiVersion) return { ...rest, host, port, hostPort };
      if (apiVersion.endsWith('/v2')) return { ...rest, apiVersion, hostPort: `${host}:${port}` };
      const [first, second] = hostPort?.split(':') ?? [];
      return { ...rest, apiVersion, host: first, port: second };
    }),
  }));
  const versions = (stored: 'v1' | 'v2') =>
    versionsOf(
      {
        v1: { schema: objectOf(hosts), selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }] },
        v2: { schema: objectOf({ hostPort: text }), selectableFields: [{ jsonPath: '.hostPort' }] },
      },
      stored,
    );
  const conversion = { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } };
  const made = definition(plural, { versions: versions('v1'), conversion });
  await server.define(made);
  return { v1: customOf(made, 'v1'), v2: customOf(made, 'v2'), versions };
}

describe('custom resources whose versions are converted by a webhook', () => {
  let hooks: WebhookServer;
  beforeAll(async () => {
    hooks = await WebhookServer.start(server.pki);
  });
  afterAll(() => hooks.close());

  it('are listed in one version, whichever each of them is stored in', async () => {
    const { v1, v2, versions } = await convertedPeers(hooks, 'mixes');
    expect((await server.post(v1.path, v1.object('first', { host: 'a', port: '1' }))).status).toBe(201);
    expect((await server.get(`${v2.path}/first`)).body).toMatchObject({ apiVersion: 'test.io/v2', hostPort: 'a:1' });
    await redefine(server, 'mixes.test.io', { versions: versions('v2') });
    await server.until(`${definitions}/mixes.test.io`, ({ body }) => body.status.storedVersions.length === 2);
    expect((await server.post(v1.path, v1.object('second', { host: 'b', port: '2' }))).status).toBe(201);
    expect((await server.get(v1.path)).body.items).toMatchObject([
      { apiVersion: 'test.io/v1', metadata: { name: 'first' }, host: 'a', port: '1' },
      { apiVersion: 'test.io/v1', metadata: { name: 'second' }, host: 'b', port: '2' },
    ]);
    expect((await server.get(v2.path)).body.items).toMatchObject([
      { apiVersion: 'test.io/v2', metadata: { name: 'first' }, hostPort: 'a:1' },
      { apiVersion: 'test.io/v2', metadata: { name: 'second' }, hostPort: 'b:2' },
    ]);
  });

  it('are listed and watched by the fields of the version that is asked for', async () => {
    const { v1 } = await convertedPeers(hooks, 'peers');
    const selections = {
      'v1 host=a': ['ADDED a1', 'ADDED a2', 'DELETED a1', 'MODIFIED a2'],
      'v1 host=a,port=2': ['ADDED a2', 'MODIFIED a2'],
      'v2 hostPort=a:1': ['ADDED a1', 'DELETED a1'],
      'v2 hostPort=b:1': ['ADDED b1', 'ADDED a1', 'DELETED b1'],
    };
    const seen = new Map(Object.keys(selections).map((selection) => [selection, [] as string[]]));
    const watches = [...seen].map(([selection, events]) => {
      const [version = '', fieldSelector = ''] = selection.split(' ');
      const resource = { group: 'test.io', version, resource: 'peers', kind: 'Peer', namespaced: false };
      return server.client().watch(
        resource,
        { fieldSelector },
        {
          events: (all) => {
            for (const { type, object } of all.filter((event) => event.type !== 'BOOKMARK')) {
              expect(object.apiVersion).toBe(`test.io/${version}`);
              events.push(`${type} ${object.metadata.name}`);
            }
          },
          end: () => {},
        },
      );
    });
    for (const [name, host, port] of [
      ['a1', 'a', '1'],
      ['a2', 'a', '2'],
      ['b1', 'b', '1'],
    ] as const)
      await server.post(v1.path, v1.object(name, { host, port }));
    const listed = async (version: string, selector: string) =>
      namesOf((await server.get(`/apis/test.io/${version}/peers?fieldSelector=${selector}`)).body.items);
    expect(await listed('v1', 'host=a')).toEqual(['a1', 'a2']);
    expect(await listed('v1', 'host=a,port=2')).toEqual(['a2']);
    expect(await listed('v2', 'hostPort=a:1')).toEqual(['a1']);
    expect(await listed('v2', 'hostPort=a:9')).toEqual([]);
    const selector = 'fieldSelector=hostPort!=a:2&limit=1';
    const page = (await server.get(`/apis/test.io/v2/peers?${selector}`)).body;
    const rest = (await server.get(`/apis/test.io/v2/peers?${selector}&continue=${page.metadata.continue}`)).body;
    expect([...namesOf(page.items), ...namesOf(rest.items)]).toEqual(['a1', 'b1']);
    expect([page.metadata.remainingItemCount, rest.metadata.continue]).toEqual([undefined, undefined]);
    expect((await server.get('/apis/test.io/v2/peers?fieldSelector=host=a')).status).toBe(400);
    // It leaves one selection and comes into another.
    await server.patch(`${v1.path}/a1`, { host: 'b' });
    await server.patch(`${v1.path}/a2`, { metadata: { labels: { changed: 'yes' } } });
    await server.send('DELETE', `${v1.path}/b1`);
    await vi.waitFor(() => expect(Object.fromEntries(seen)).toEqual(selections));
    for (const watch of watches) watch.stop();
  });
});

describe('aggregated discovery', () => {
  const v2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  interface Found {
    metadata: { name?: string };
    versions: { version: string; freshness: string; resources: { resource: string; responseKind: object }[] }[];
  }
  /** Every kind of the server by `group/version resource`, as clients gather them. */
  const gather = async () => {
    const documents = await Promise.all(['/api', '/apis'].map((path) => server.get(path, { accept: v2 })));
    expect(documents.map(({ headers }) => headers['content-type'])).toEqual([v2, v2]);
    const groups = documents.flatMap(({ body }) => body.items as Found[]);
    const all = groups.flatMap(({ metadata, versions }) =>
      versions.flatMap(({ version, resources }) =>
        resources.map(({ resource, responseKind }) => [`${metadata.name ?? ''}/${version} ${resource}`, responseKind]),
      ),
    );
    return Object.fromEntries(all) as Record<string, object>;
  };

  it('gives clients every kind with two requests', async () => {
    const kinds = await gather();
    const group = 'apiregistration.k8s.io';
    expect(kinds).toMatchObject({
      '/v1 pods': { group: '', version: 'v1', kind: 'Pod' },
      'apps/v1 deployments': { group: 'apps', version: 'v1', kind: 'Deployment' },
      'admissionregistration.k8s.io/v1 mutatingwebhookconfigurations': { kind: 'MutatingWebhookConfiguration' },
      'apiextensions.k8s.io/v1 customresourcedefinitions': { kind: 'CustomResourceDefinition' },
      [`${group}/v1 apiservices`]: { group, version: 'v1', kind: 'APIService' },
    });
    // The same as the documents of all group versions have.
    const { groups } = (await server.get('/apis')).body as { groups: { versions: { groupVersion: string }[] }[] };
    for (const { groupVersion } of groups.flatMap(({ versions }) => versions)) {
      const { resources } = (await server.get(`/apis/${groupVersion}`)).body as { resources: { name: string }[] };
      const own = resources.filter(({ name }) => !name.includes('/')).map(({ name }) => `${groupVersion} ${name}`);
      expect(Object.keys(kinds)).toEqual(expect.arrayContaining(own));
    }
  });

  it('is given to those alone who ask for it', async () => {
    for (const path of ['/api', '/apis']) {
      const plain = await server.get(path, { accept: 'application/json' });
      expect([plain.headers['content-type'], plain.body.kind]).toEqual([
        'application/json',
        path === '/api' ? 'APIVersions' : 'APIGroupList',
      ]);
      const either = await server.get(path, { accept: `${v2},application/json` });
      expect([either.headers['content-type'], either.body.kind]).toEqual([v2, 'APIGroupDiscoveryList']);
    }
  });

  it('has custom resources in all their versions as soon as they are served', async () => {
    const made = definition('found', {
      group: 'found.io',
      versions: versionsOf({ v1: {}, v2: {}, v3: { served: false } }),
    });
    await server.define(made);
    const kinds = await gather();
    expect(Object.keys(kinds).filter((name) => name.startsWith('found.io/'))).toEqual([
      'found.io/v2 found',
      'found.io/v1 found',
    ]);
    await server.send('DELETE', `${definitions}/found.found.io`);
    await vi.waitFor(async () => expect(Object.keys(await gather()).join()).not.toContain('found.io'));
  });
});

describe('discovery', () => {
  it('prefers for each group one of its versions', async () => {
    const { groups } = (await server.get('/apis')).body as {
      groups: { name: string; versions: object[]; preferredVersion: { groupVersion: string; version: string } }[];
    };
    expect(groups.length).toBeGreaterThan(15);
    for (const listed of groups) {
      const { body } = await server.get(`/apis/${listed.name}`);
      expect(body).toMatchObject(listed);
      expect(body.versions).toContainEqual(body.preferredVersion);
      expect(body.preferredVersion.groupVersion).toBe(`${listed.name}/${body.preferredVersion.version}`);
    }
  });

  it.each([
    ['apiregistration.k8s.io', 'v1', 'apiservices'],
    ['apps', 'v1', 'deployments'],
    ['authentication.k8s.io', 'v1', 'tokenreviews'],
    ['authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
    ['autoscaling', 'v1', 'horizontalpodautoscalers'],
    ['autoscaling', 'v2', 'horizontalpodautoscalers'],
    ['batch', 'v1', 'jobs'],
    ['certificates.k8s.io', 'v1', 'certificatesigningrequests'],
    ['coordination.k8s.io', 'v1', 'leases'],
    ['discovery.k8s.io', 'v1', 'endpointslices'],
    ['events.k8s.io', 'v1', 'events'],
    ['networking.k8s.io', 'v1', 'ingresses'],
    ['node.k8s.io', 'v1', 'runtimeclasses'],
    ['policy', 'v1', 'poddisruptionbudgets'],
    ['rbac.authorization.k8s.io', 'v1', 'clusterroles'],
    ['scheduling.k8s.io', 'v1', 'priorityclasses'],
    ['storage.k8s.io', 'v1', 'csinodes'],
  ])('leads from %s by %s to %s', async (group, version, resource) => {
    const { groups } = (await server.get('/apis')).body;
    expect(groups.map(({ name }: { name: string }) => name)).toContain(group);
    const groupVersion = `${group}/${version}`;
    expect((await server.get(`/apis/${group}`)).body.versions).toContainEqual({ groupVersion, version });
    const { body } = await server.get(`/apis/${groupVersion}`);
    expect(body.groupVersion).toBe(groupVersion);
    expect(body.resources.map(({ name }: { name: string }) => name)).toContain(resource);
  });
});
