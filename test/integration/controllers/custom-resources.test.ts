import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, customresourcedefinitions, namespaces } from '../../../src/api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../../src/api/generated/types.ts';
import type { KubeObject, Manifest, Resource } from '../../../src/api/resource.ts';
import { Plane } from './plane.ts';

const definition = (plural: string, kind: string): Manifest<CustomResourceDefinition> => ({
  metadata: { name: `${plural}.test.io` },
  spec: {
    group: 'test.io',
    scope: 'Namespaced',
    names: { plural, kind },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

const of = (plural: string, kind: string): Resource => ({
  group: 'test.io',
  version: 'v1',
  resource: plural,
  kind,
  namespaced: true,
});

/** Controllers treat what a definition adds as they treat everything else. */
describe('custom resources under the controllers', () => {
  let plane: Plane;
  const boats = of('boats', 'Boat');
  const oars = of('oars', 'Oar');
  const make = (resource: Resource, name: string, metadata: object = {}): Promise<KubeObject> =>
    plane.admin.create(resource, {
      kind: resource.kind,
      apiVersion: 'test.io/v1',
      metadata: { name, namespace: 'default', ...metadata },
    });
  const ownedBy = ({ metadata }: KubeObject) => ({
    ownerReferences: [{ apiVersion: 'test.io/v1', kind: 'Boat', name: metadata.name, uid: metadata.uid }],
  });

  beforeAll(async () => {
    plane = await Plane.start({});
    await plane.admin.create(customresourcedefinitions, definition('boats', 'Boat'));
    await plane.admin.create(customresourcedefinitions, definition('oars', 'Oar'));
    await plane.settle();
  });
  afterAll(async () => {
    await plane.stop();
    expect(plane.warnings).toEqual([]);
  });

  it('dependents go with their owner, of whatever kind both are', async () => {
    const boat = await make(boats, 'owner');
    await make(oars, 'custom', ownedBy(boat));
    await plane.admin.create(configmaps, {
      metadata: { name: 'built-in', namespace: 'default', ...ownedBy(boat) } as Manifest<KubeObject>['metadata'],
    });
    await make(oars, 'other');
    await plane.admin.delete(boats, { namespace: 'default', name: 'owner' });
    await plane.settle();
    expect(await plane.names(oars)).toEqual(['other']);
    expect(await plane.names(configmaps)).not.toContain('built-in');
  });

  it('an owner waits for dependents that block it', async () => {
    const boat = await make(boats, 'patient');
    const [reference] = ownedBy(boat).ownerReferences;
    await make(oars, 'held', {
      ownerReferences: [{ ...reference, blockOwnerDeletion: true }],
      finalizers: ['test.io/x'],
    });
    await plane.admin.delete(boats, { namespace: 'default', name: 'patient' }, { propagationPolicy: 'Foreground' });
    await plane.settle();
    expect((await plane.get(boats, 'patient')).metadata.finalizers).toEqual(['foregroundDeletion']);
    await plane.patch(oars, 'held', { metadata: { finalizers: null } });
    await plane.settle();
    expect(await plane.names(boats)).toEqual([]);
  });

  it('a namespace takes them along', async () => {
    await plane.admin.create(namespaces, { metadata: { name: 'sea' } });
    await make(boats, 'inside', { namespace: 'sea' });
    await plane.admin.delete(namespaces, { name: 'sea' });
    await plane.settle(10_000);
    expect(await plane.list(boats, 'sea')).toEqual([]);
    expect(await plane.names(namespaces)).not.toContain('sea');
  });

  it('when their definition goes, nobody asks for them any more', async () => {
    await make(oars, 'last');
    await plane.admin.delete(customresourcedefinitions, { name: 'oars.test.io' });
    await plane.settle();
    expect(await plane.names(customresourcedefinitions)).toEqual(['boats.test.io']);
    await expect(plane.list(oars)).rejects.toMatchObject({ reason: 'NotFound' });
    await plane.settle(60_000);
    await plane.admin.create(customresourcedefinitions, definition('oars', 'Oar'));
    await plane.settle();
    expect(await plane.names(oars)).toEqual([]);
  });
});
