import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pods, replicasets, replicationcontrollers } from '../../../src/api/generated/resources.ts';
import type { ReplicationController, Scale } from '../../../src/api/generated/types.ts';
import { keyOf, type ObjectKey, type Resource } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['replicaset.replicas', 'replicationcontroller.replicas', 'garbage.collection', 'serviceaccount.default'],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key: ObjectKey = { namespace: 'default', name: 'web' };
const kinds: [string, Resource<ReplicationController>, object][] = [
  ['ReplicationController', replicationcontrollers, { app: 'web' }],
  ['ReplicaSet', replicasets as unknown as Resource<ReplicationController>, { matchLabels: { app: 'web' } }],
];

describe.each(kinds)('%s', (kind, resource, selector) => {
  const make = (spec: object = {}) =>
    plane.admin.create(resource, {
      metadata: key,
      spec: { replicas: 2, selector, template: template('web'), ...spec },
    } as never);

  // ReplicationController should adopt matching pods on creation; … should release no longer matching pods
  // ReplicaSet should adopt matching pods on creation and release no longer matching pods
  it('adopts matching pods and releases pods that match no more', async () => {
    await plane.admin.create(pods, { ...template('web'), metadata: { ...key, name: 'stray', labels: { app: 'web' } } });
    await make({ replicas: 1 });
    await plane.runPods();
    const stray = await plane.get(pods, 'stray');
    expect(stray.metadata.ownerReferences).toMatchObject([{ kind, name: 'web', controller: true }]);
    expect(await plane.names(pods)).toEqual(['stray']);
    await plane.patch(pods, 'stray', { metadata: { labels: { app: 'other' } } });
    await plane.runPods();
    expect((await plane.get(pods, 'stray')).metadata.ownerReferences).toBeUndefined();
    expect(await plane.names(pods)).toHaveLength(2);
  });

  // ReplicationController should get and update a ReplicationController scale
  // ReplicaSet Replicaset should have a working scale subresource
  it('scales by its subresource, tells its status, and rests', async () => {
    await make();
    await plane.runPods();
    await plane.admin.patch(
      resource,
      key,
      { type: 'merge', body: { spec: { replicas: 4 } } },
      { subresource: 'scale' },
    );
    await plane.runPods();
    const { status } = await plane.get(resource, 'web');
    const terminating = kind === 'ReplicaSet' ? { terminatingReplicas: 0 } : {};
    expect(status).toEqual({
      replicas: 4,
      fullyLabeledReplicas: 4,
      readyReplicas: 4,
      availableReplicas: 4,
      observedGeneration: 2,
      ...terminating,
    });
    expect(await plane.writesOfRestart([resource, pods])).toEqual([]);
    const [pod] = await plane.list(pods);
    if (!pod) throw new Error('no pod');
    await plane.admin.delete(pods, keyOf(pod));
    await plane.runPods();
    expect(await plane.names(pods)).toHaveLength(4);
  });
});

// ReplicationController should test the lifecycle of a ReplicationController
it('a ReplicationController is watched from its creation over patches and updates to the end of its collection', async () => {
  const labels = { lifecycle: 'rc' };
  const seen: string[] = [];
  const watch = plane.admin.watch(
    replicationcontrollers,
    { namespace: 'default', labelSelector: 'lifecycle=rc' },
    {
      events: (all) => {
        for (const { type, object } of all)
          if (type !== 'BOOKMARK') seen.push(`${type} ${object.status?.readyReplicas ?? 0}/${object.spec.replicas}`);
      },
      end: () => {},
    },
  );
  const current = () => plane.get(replicationcontrollers, 'web');
  const ready = async () => (await current()).status.readyReplicas;
  await plane.admin.create(replicationcontrollers, {
    metadata: { ...key, labels },
    spec: { replicas: 1, selector: { app: 'web' }, template: template('web') },
  } as never);
  await plane.runPods();
  expect([seen[0], await ready()]).toEqual(['ADDED 0/1', 1]);
  const patched = { metadata: { labels: { patched: 'yes' } } };
  await plane.admin.patch(replicationcontrollers, key, { type: 'strategic', body: patched });
  const body = { status: { readyReplicas: 0, availableReplicas: 0 } };
  const options = { subresource: 'status' };
  const told = await plane.admin.patch(replicationcontrollers, key, { type: 'strategic', body }, options);
  expect(told.status.readyReplicas ?? 0).toBe(0);
  await plane.runPods();
  expect([seen.includes('MODIFIED 0/1'), await ready()]).toEqual([true, 1]);
  const scale = await plane.admin.getSubresource<Scale>(replicationcontrollers, key, 'scale');
  const scaled = { ...scale, spec: { replicas: 2 } };
  await plane.admin.update(replicationcontrollers, scaled as never, { subresource: 'scale' });
  await plane.runPods();
  expect(await ready()).toBe(2);
  const everywhere = await plane.admin.list(replicationcontrollers, { labelSelector: 'patched=yes' });
  expect(everywhere.items.map(({ metadata }) => metadata.name)).toEqual(['web']);
  const now = await current();
  const metadata = { ...now.metadata, labels: { ...now.metadata.labels, updated: 'yes' } };
  await plane.admin.update(replicationcontrollers, { ...now, metadata });
  for (const one of (await plane.admin.list(replicationcontrollers, { labelSelector: 'updated=yes' })).items)
    await plane.admin.delete(replicationcontrollers, keyOf(one), { propagationPolicy: 'Background' });
  await plane.runPods();
  expect([seen.at(-1), await plane.names(pods)]).toEqual(['DELETED 2/2', []]);
  watch.stop();
});
