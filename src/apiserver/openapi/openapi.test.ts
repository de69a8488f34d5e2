import { describe, expect, it } from 'vitest';
import { servedKinds } from '../../api/generated/kinds.ts';
import { schemaTable } from '../../api/generated/schema.ts';
import { createOpenApi } from './openapi.ts';

const openApi = createOpenApi();
// The documents are plain JSON; a test says what it expects of them.
const get = async (path: string) => JSON.parse((await openApi({ path }))?.body.toString() ?? 'null');
const index = await get('/openapi/v3');
const core = await get('/openapi/v3/api/v1');
const apps = await get('/openapi/v3/apis/apps/v1');
const schemas = core.components.schemas;

/** Every `$ref` of a document. */
function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner;
    else yield* references(inner);
  }
}

describe('the index', () => {
  it('names every group version with the version of its document', () => {
    const groupVersions = new Set(servedKinds.map((k) => `${k.group ? `apis/${k.group}` : 'api'}/${k.version}`));
    expect(new Set(Object.keys(index.paths))).toEqual(groupVersions);
    expect(index.paths['apis/apps/v1'].serverRelativeURL).toMatch(
      /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/,
    );
  });

  it('leads to documents that may be kept, and away from those that changed', async () => {
    const [path = '', hash] = index.paths['apis/apps/v1'].serverRelativeURL.split('?hash=');
    expect(await openApi({ path, hash })).toMatchObject({
      code: 200,
      etag: `"${hash}"`,
      cacheControl: 'public, immutable',
    });
    expect(await openApi({ path, hash: 'OLD' })).toMatchObject({ code: 301, location: `${path}?hash=${hash}` });
    expect((await openApi({ path }))?.cacheControl).toBeUndefined();
  });

  it('changes a hash when a type or a kind changes', async () => {
    const urls = async (api: typeof openApi) =>
      JSON.parse((await api({ path: '/openapi/v3' }))?.body.toString() ?? '').paths;
    const otherTypes = await urls(createOpenApi(servedKinds, { schemas: { ...schemaTable, x: { k: 'string' } } }));
    expect(otherTypes['api/v1']).not.toEqual(index.paths['api/v1']);
    expect(await urls(createOpenApi())).toEqual(index.paths);
  });
});

describe('schemas', () => {
  it.each(Object.keys(index.paths))('of %s refer to nothing that is missing', async (key) => {
    const document = await get(`/openapi/v3/${key}`);
    const known = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`));
    expect([...references(document)].filter((ref) => !known.has(ref))).toEqual([]);
  });

  it('say what a patch needs to know', () => {
    expect(schemas['io.k8s.api.core.v1.PodSpec'].properties.containers).toEqual({
      type: 'array',
      items: { default: {}, allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    const strategy = apps.components.schemas['io.k8s.api.apps.v1.DeploymentSpec'].properties.strategy;
    expect(strategy).toMatchObject({ 'x-kubernetes-patch-strategy': 'retainKeys', default: {} });
    expect(schemas['io.k8s.api.core.v1.Secret'].properties.data).toEqual({
      type: 'object',
      additionalProperties: { type: 'string', format: 'byte', default: '' },
    });
  });

  it('have required fields, enums, formats, defaults and kinds', () => {
    const container = schemas['io.k8s.api.core.v1.Container'];
    expect(container.required).toEqual(['name']);
    expect(container.properties.name).toEqual({ type: 'string', default: '' });
    expect(container.properties.imagePullPolicy.enum).toEqual(['Always', 'IfNotPresent', 'Never']);
    expect(schemas['io.k8s.api.core.v1.ContainerPort'].properties.protocol.default).toBe('TCP');
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.Time']).toEqual({ type: 'string', format: 'date-time' });
    expect(schemas['io.k8s.api.core.v1.Pod']['x-kubernetes-group-version-kind']).toEqual([
      { group: '', kind: 'Pod', version: 'v1' },
    ]);
    expect(schemas['io.k8s.api.core.v1.PodList']).toMatchObject({
      required: ['items'],
      'x-kubernetes-group-version-kind': [{ group: '', kind: 'PodList', version: 'v1' }],
    });
    expect(schemas['io.k8s.api.core.v1.ObjectReference']['x-kubernetes-map-type']).toBe('atomic');
  });
});

describe('operations', () => {
  const item = apps.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
  const names = (operation: { parameters: { name: string }[] }) => operation.parameters.map((p) => p.name);

  it('take what kubectl asks a patch for before it leaves validation to the server', () => {
    expect(names(item.patch)).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
    expect(item.patch).toMatchObject({
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group: 'apps', kind: 'Deployment', version: 'v1' },
    });
    expect(Object.keys(item.patch.requestBody.content)).toContain('application/strategic-merge-patch+json');
    expect(names(item.put)).toContain('fieldValidation');
  });

  it('are named as client generators expect', () => {
    const collection = core.paths['/api/v1/namespaces/{namespace}/pods'];
    expect(collection.get.operationId).toBe('listCoreV1NamespacedPod');
    expect(collection.delete.operationId).toBe('deleteCoreV1CollectionNamespacedPod');
    expect(core.paths['/api/v1/pods'].get.operationId).toBe('listCoreV1PodForAllNamespaces');
    expect(core.paths['/api/v1/nodes/{name}'].get.operationId).toBe('readCoreV1Node');
    expect(core.paths['/api/v1/namespaces/{namespace}/pods/{name}/exec'].post.operationId).toBe(
      'connectPostCoreV1NamespacedPodExec',
    );
    expect(item.patch.operationId).toBe('patchAppsV1NamespacedDeployment');
  });

  it('have ids of their own', () => {
    const ids = [core, apps].flatMap((document) =>
      Object.values(document.paths as Record<string, Record<string, { operationId?: string }>>).flatMap((path) =>
        Object.values(path).flatMap((operation) => operation.operationId ?? []),
      ),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('give subresources the kind they speak', () => {
    const scale = apps.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale'];
    expect(scale.put['x-kubernetes-group-version-kind']).toEqual({
      group: 'autoscaling',
      kind: 'Scale',
      version: 'v1',
    });
    const log = core.paths['/api/v1/namespaces/{namespace}/pods/{name}/log'];
    expect(names(log)).toEqual(expect.arrayContaining(['name', 'namespace', 'follow', 'tailLines', 'container']));
    expect(core.paths['/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}'].get['x-kubernetes-action']).toBe(
      'connect',
    );
  });

  it('exist for every verb of every kind', async () => {
    const methods = { list: 'get', get: 'get', create: 'post', update: 'put', patch: 'patch', delete: 'delete' };
    for (const kind of servedKinds) {
      const key = `${kind.group ? `apis/${kind.group}` : 'api'}/${kind.version}`;
      const { paths } = await get(`/openapi/v3/${key}`);
      const collection = `/${key}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.resource}`;
      for (const [verb, method] of Object.entries(methods)) {
        if (!kind.verbs.includes(verb)) continue;
        const path = verb === 'list' || verb === 'create' ? collection : `${collection}/{name}`;
        expect(paths[path], `${verb} ${path}`).toHaveProperty(method);
      }
    }
  });
});

describe('OpenAPI 2', () => {
  it('is whole, without defaults', async () => {
    const document = await get('/openapi/v2');
    expect(document).toMatchObject({ swagger: '2.0', info: { title: 'Kubernetes', version: 'v1.36.2+knarr' } });
    const known = new Set(Object.keys(document.definitions).map((name) => `#/definitions/${name}`));
    expect([...references(document)].filter((ref) => !known.has(ref))).toEqual([]);
    expect(document.definitions['io.k8s.api.core.v1.Container'].properties.name).toEqual({ type: 'string' });
    expect(document.paths['/api/v1/nodes'].post.parameters[0]).toMatchObject({ name: 'body', in: 'body' });
  });
});

it.each(['/openapi', '/openapi/v3/apis/nosuch/v1', '/openapi/v2/x', '/api/v1'])('has nothing at %s', async (path) => {
  expect(await openApi({ path })).toBeUndefined();
});
