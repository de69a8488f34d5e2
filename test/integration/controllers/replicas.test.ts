import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pods, replicasets, replicationcontrollers } from '../../../src/api/generated/resources.ts';
import type { ReplicationController } from '../../../src/api/generated/types.ts';
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
