import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments, pods, replicasets, replicationcontrollers } from '../../../src/api/generated/resources.ts';
import type { OwnerReference, Pod } from '../../../src/api/generated/types.ts';
import type { KubeObject, Resource } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  const workloads = ['deployment.rollout', 'replicaset.replicas', 'replicationcontroller.replicas'];
  plane = await Plane.start({ only: ['garbage.collection', 'serviceaccount.default', ...workloads] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const at = (name: string) => ({ namespace: 'default', name });
const remove = (resource: Resource, name: string, propagationPolicy: string) =>
  plane.admin.delete(resource, at(name), { propagationPolicy });
const controller = (name: string, replicas: number) =>
  plane.admin.create(replicationcontrollers, {
    metadata: at(name),
    spec: { replicas, selector: { app: name }, template: template(name) },
  } as never);
const refTo = (kind: string, { metadata }: KubeObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  ...{ apiVersion: 'v1', kind, name: metadata.name, uid: metadata.uid ?? '' },
  ...more,
});
const ownersOf = ({ metadata }: Pod) => (metadata.ownerReferences ?? []).map(({ name }) => name);

describe('what belongs to an owner that is deleted', () => {
  it('pods go with their controller', async () => {
    await controller('web', 2);
    await plane.runPods();
    expect(await plane.names(pods)).toHaveLength(2);
    await remove(replicationcontrollers, 'web', 'Background');
    await plane.runPods();
    expect([await plane.names(replicationcontrollers), await plane.names(pods)]).toEqual([[], []]);
  });

  it('the set of a deployment stays, and belongs to nobody, where it is to be orphaned', async () => {
    await plane.admin.create(deployments, {
      metadata: at('web'),
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template('web') },
    } as never);
    await plane.runPods();
    const before = await plane.names(pods);
    await remove(deployments, 'web', 'Orphan');
    await plane.runPods();
    await plane.settle(60_000);
    expect(await plane.names(deployments)).toEqual([]);
    const [set, ...more] = await plane.list(replicasets);
    expect([more, set?.metadata.ownerReferences, set?.spec.replicas]).toEqual([[], undefined, 2]);
    expect(await plane.names(pods)).toEqual(before);
  });

  it('those that own each other in a circle go all the same', async () => {
    const made: Pod[] = [];
    for (const name of ['one', 'two', 'three'])
      made.push(await plane.admin.create(pods, { ...template(name), metadata: at(name) } as never));
    const [one, two, three] = made as [Pod, Pod, Pod];
    for (const [pod, owner] of [
      [one, three],
      [two, one],
      [three, two],
    ] as const) {
      const ownerReferences = [refTo('Pod', owner, { blockOwnerDeletion: true, controller: true })];
      await plane.patch(pods, pod.metadata.name, { metadata: { ownerReferences } });
    }
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['one', 'three', 'two']);
    await remove(pods, 'one', 'Foreground');
    await plane.runPods();
    expect(await plane.names(pods)).toEqual([]);
  });

  it('what another owner keeps, too, outlives the one that waits for its dependents', async () => {
    await controller('goes', 4);
    await controller('stays', 0);
    await plane.runPods();
    const stays = await plane.get(replicationcontrollers, 'stays');
    const all = (await plane.list(pods)).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const shared = all.slice(0, 2).map(({ metadata }) => metadata.name);
    for (const { metadata } of all.slice(0, 2)) {
      const ownerReferences = [...(metadata.ownerReferences ?? []), refTo('ReplicationController', stays)];
      await plane.patch(pods, metadata.name, { metadata: { ownerReferences } });
    }
    await remove(replicationcontrollers, 'goes', 'Foreground');
    await plane.runPods();
    expect(await plane.names(replicationcontrollers)).toEqual(['stays']);
    const left = await plane.list(pods);
    expect(left.map(({ metadata }) => metadata.name).sort()).toEqual(shared);
    expect(left.map(ownersOf)).toEqual([['stays'], ['stays']]);
    expect(left.some(({ metadata }) => metadata.deletionTimestamp)).toBe(false);
  });
});
