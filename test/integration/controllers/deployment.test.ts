import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments, pods, replicasets } from '../../../src/api/generated/resources.ts';
import type { Deployment, ReplicaSet, Scale } from '../../../src/api/generated/types.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  const only = ['deployment.rollout', 'replicaset.replicas', 'garbage.collection', 'serviceaccount.default'];
  plane = await Plane.start({ only });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'web' };
const labels = { lifecycle: 'deployment' };
const make = (replicas: number, spec: object = {}): Promise<Deployment> =>
  plane.admin.create(deployments, {
    metadata: { ...key, labels },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template('web'), ...spec },
  } as never);
const status = async () => (await plane.get(deployments, 'web')).status;
/** How many pods each set should have, by its image. */
const sets = async (): Promise<Record<string, number>> => {
  const imageOf = ({ spec }: ReplicaSet) => spec.template?.spec?.containers[0]?.image ?? '';
  return Object.fromEntries((await plane.list(replicasets)).map((set) => [imageOf(set), set.spec.replicas ?? 1]));
};
const setImage = (image: string) => plane.patch(deployments, 'web', { spec: { template: template('web', image) } });

describe('Deployment', () => {
  // Deployment Deployment should have a working scale subresource
  it('is scaled by its subresource, which is read, replaced and patched', async () => {
    await make(1);
    await plane.runPods();
    const scale = () => plane.admin.getSubresource<Scale>(deployments, key, 'scale');
    expect(await scale()).toMatchObject({
      kind: 'Scale',
      metadata: key,
      spec: { replicas: 1 },
      status: { replicas: 1, selector: 'app=web' },
    });
    const wanted = { ...(await scale()), spec: { replicas: 2 } };
    await plane.admin.update(deployments, wanted as never, { subresource: 'scale' });
    await plane.runPods();
    expect([(await scale()).spec.replicas, (await status()).readyReplicas]).toEqual([2, 2]);
    const body = { spec: { replicas: 4 } };
    await plane.admin.patch(deployments, key, { type: 'strategic', body }, { subresource: 'scale' });
    await plane.runPods();
    expect([(await plane.get(deployments, 'web')).spec.replicas, (await status()).readyReplicas]).toEqual([4, 4]);
    expect(await scale()).toMatchObject({ spec: { replicas: 4 }, status: { replicas: 4 } });
  });

  // Deployment should run the lifecycle of a Deployment
  it('is watched from its creation over patches and updates to the end of its collection', async () => {
    const seen: string[] = [];
    const watch = plane.admin.watch(
      deployments,
      { namespace: 'default', labelSelector: 'lifecycle=deployment' },
      {
        events: (all) => {
          for (const { type, object } of all)
            if (type !== 'BOOKMARK') seen.push(`${type} ${object.status?.readyReplicas ?? 0}/${object.spec.replicas}`);
        },
        end: () => {},
      },
    );
    await make(1);
    await plane.runPods();
    const ready = async () => (await plane.get(deployments, 'web')).status.readyReplicas;
    expect([seen[0], await ready()]).toEqual(['ADDED 0/1', 1]);
    const changed = {
      metadata: { labels: { patched: 'yes' } },
      spec: { replicas: 2, template: template('web', 'app:2') },
    };
    await plane.admin.patch(deployments, key, { type: 'strategic', body: changed });
    await plane.runPods();
    expect([await sets(), await ready()]).toEqual([{ 'app:1': 0, 'app:2': 2 }, 2]);
    const everywhere = await plane.admin.list(deployments, { labelSelector: 'patched=yes' });
    expect(everywhere.items.map(({ metadata }) => metadata.name)).toEqual(['web']);
    const now = await plane.get(deployments, 'web');
    await plane.admin.update(deployments, {
      ...now,
      metadata: { ...now.metadata, labels: { ...now.metadata.labels, updated: 'yes' } },
      spec: { ...now.spec, template: template('web', 'app:3') },
    } as never);
    await plane.runPods();
    expect([(await sets())['app:3'], await ready()]).toEqual([2, 2]);
    // What somebody else says of its status is seen, and does not last.
    const body = { status: { readyReplicas: 0, availableReplicas: 0 } };
    const told = await plane.admin.patch(deployments, key, { type: 'strategic', body }, { subresource: 'status' });
    expect(told.status.readyReplicas ?? 0).toBe(0);
    await plane.runPods();
    expect([seen.includes('MODIFIED 0/2'), await ready()]).toEqual([true, 2]);
    for (const { metadata } of (await plane.admin.list(deployments, { labelSelector: 'updated=yes' })).items)
      await plane.admin.delete(deployments, { namespace: 'default', name: metadata.name });
    await plane.runPods();
    expect([seen.at(-1), await plane.names(deployments), await plane.names(pods)]).toEqual(['DELETED 2/2', [], []]);
    watch.stop();
  });

  // Deployment deployment should support rollover
  it('rolls over a set that never came up, and over one that was there before', async () => {
    plane.mayRun = ({ spec }) => spec.containers[0]?.image !== 'broken';
    await plane.admin.create(replicasets, {
      metadata: { namespace: 'default', name: 'before', labels: { app: 'web' } },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: template('web', 'old') },
    } as never);
    await plane.runPods();
    await make(1, {
      minReadySeconds: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: template('web', 'broken'),
    });
    await plane.runPods();
    expect(await sets()).toEqual({ old: 1, broken: 1 });
    expect((await plane.get(replicasets, 'before')).metadata.ownerReferences).toMatchObject([{ kind: 'Deployment' }]);
    await setImage('good');
    await plane.runPods();
    // The old pod stays until the new one has been ready for long enough; the broken one was of no use.
    expect(await sets()).toEqual({ old: 1, broken: 0, good: 1 });
    await plane.settle(10_000);
    await plane.runPods();
    expect(await sets()).toEqual({ old: 0, broken: 0, good: 1 });
    expect(await status()).toMatchObject({ replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 });
    const [pod] = await plane.list(pods);
    expect([pod?.spec.containers[0]?.image, (await plane.names(pods)).length]).toEqual(['good', 1]);
  });
});
