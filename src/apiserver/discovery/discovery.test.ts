import { describe, expect, it } from 'vitest';
import { servedKinds } from '../../api/generated/kinds.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { parseAccept } from './accept.ts';
import { createDiscovery, groupsOf } from './discovery.ts';

const discovery = createDiscovery();
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
/** What kubectl sends. */
const kubectlAccept = `${aggregated},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;

// biome-ignore lint: the documents are plain JSON
const get = (path: string, accept?: string): any => {
  const answer = discovery(path, accept);
  return answer && JSON.parse(answer.body.toString());
};

/** Entries as a recorded API server (1.20) gave them; `singularName` was empty then. */
const recordedApps = [
  {
    name: 'deployments',
    singularName: 'deployment',
    namespaced: true,
    kind: 'Deployment',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: ['deploy'],
    categories: ['all'],
    storageVersionHash: '8aSe+NMegvE=',
  },
  {
    name: 'deployments/scale',
    singularName: '',
    namespaced: true,
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs: ['get', 'patch', 'update'],
  },
  {
    name: 'deployments/status',
    singularName: '',
    namespaced: true,
    kind: 'Deployment',
    verbs: ['get', 'patch', 'update'],
  },
];

describe('discovery', () => {
  it('lists the versions of the core group and the groups', () => {
    expect(get('/api')).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const groups = get('/apis/');
    expect(groups).toMatchObject({ kind: 'APIGroupList', apiVersion: 'v1' });
    expect(groups.groups).toHaveLength(groupsOf(servedKinds).length - 1);
    expect(get('/apis/apps')).toEqual({
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'apps',
      versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
    });
  });

  it('lists resources with their subresources as recorded', () => {
    const list = get('/apis/apps/v1');
    expect(list.resources.filter((r: { name: string }) => r.name.startsWith('deployments'))).toEqual(recordedApps);
    expect(get('/api/v1')).not.toHaveProperty('apiVersion');
    expect(get('/api/v1').resources).toContainEqual({
      name: 'pods/eviction',
      singularName: '',
      namespaced: true,
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    });
  });

  it('serves every kind', () => {
    for (const { group, version, resource } of servedKinds) {
      const { resources } = get(group === '' ? `/api/${version}` : `/apis/${group}/${version}`);
      expect(resources.map((r: { name: string }) => r.name)).toContain(resource);
    }
  });

  it('gives everything at once to whom it may, with an entity tag', () => {
    const answer = discovery('/apis', kubectlAccept);
    expect(answer?.contentType).toBe(aggregated);
    expect(answer?.etag).toMatch(/^"[0-9A-F]{128}"$/);
    const list = JSON.parse(answer?.body.toString() ?? '');
    expect(list).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' });
    const apps = list.items.find((i: { metadata: { name?: string } }) => i.metadata.name === 'apps').versions[0];
    expect(apps.resources.find((r: { resource: string }) => r.resource === 'deployments')).toMatchObject({
      responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      subresources: [
        { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
        { subresource: 'status', responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' } },
      ],
    });
    expect(get('/api', aggregated).items).toMatchObject([{ metadata: {}, versions: [{ version: 'v1' }] }]);
    expect(get('/apis', kubectlAccept.split(',').slice(1).join(',')).apiVersion).toBe('apidiscovery.k8s.io/v2beta1');
  });

  it('answers the same bytes again', () => {
    expect(discovery('/apis', kubectlAccept)?.body).toBe(discovery('/apis/', kubectlAccept)?.body);
  });

  it('says which version it is', () => {
    expect(get('/version')).toMatchObject({ major: '1', minor: '36', gitVersion: 'v1.36.2+knarr' });
  });

  it.each(['/apis/nosuch', '/apis/apps/v9', '/api/v2', '/apis/apps/v1/deployments', '/', '/healthz', '/apis//'])(
    'has nothing at %s',
    (path) => {
      expect(discovery(path)).toBeUndefined();
    },
  );

  it.each([
    ['/apis', 'text/xml'],
    ['/apis/apps', aggregated],
    ['/version', 'application/json;as=Table;g=meta.k8s.io;v=v1'],
  ])('refuses %s as %s', (path, accept) => {
    expect(() => discovery(path, accept)).toThrow(StatusError);
  });

  it('takes kinds that are not built in', () => {
    const widget = {
      ...(servedKinds[2] as (typeof servedKinds)[0]),
      group: 'example.com',
      version: 'v1',
      resource: 'widgets',
    };
    const own = createDiscovery([...servedKinds, widget]);
    expect(JSON.parse(own('/apis/example.com/v1')?.body.toString() ?? '').resources[0].name).toBe('widgets');
    expect(groupsOf([widget])).toEqual([{ group: 'example.com', versions: ['v1'] }]);
  });
});

it('reads Accept headers best first', () => {
  expect(parseAccept('text/html;q=0.5, application/json;as="Table";q=0.9, */*;q=0').map((r) => r.type)).toEqual([
    'application/json',
    'text/html',
  ]);
  expect(parseAccept(undefined)).toMatchObject([{ type: '*/*' }]);
});
