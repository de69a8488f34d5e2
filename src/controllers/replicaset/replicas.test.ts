import { describe, expect, it } from 'vitest';
import { events, pods, replicasets } from '../../api/generated/resources.ts';
import type { ReplicaSet } from '../../api/generated/types.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import { podManifest, podTemplate, testCluster } from '../test-cluster.ts';

const key = { namespace: 'default', name: 'web' };
const setUp = () => testCluster({ only: ['replicaset.replicas'] });
const make = (cluster: ReturnType<typeof setUp>, replicas: number) =>
  cluster.client.create(replicasets, {
    metadata: key,
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: podTemplate('web') },
  });
const resize = async (cluster: ReturnType<typeof setUp>, replicas: number) =>
  cluster.client.patch(replicasets, key, { type: 'merge', body: { spec: { replicas } } });

describe('replicaset.replicas', () => {
  it('makes pods, tells their state, and rests', async () => {
    const cluster = setUp();
    const set = await make(cluster, 5);
    await cluster.runPods();
    const all = await cluster.podList();
    expect(all).toHaveLength(5);
    expect(all[0]?.metadata).toMatchObject({
      name: expect.stringMatching(/^web-[a-z0-9]{5}$/),
      labels: { app: 'web' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web', uid: set.metadata.uid, controller: true }],
    });
    expect((await cluster.client.get(replicasets, key)).status).toEqual({
      replicas: 5,
      fullyLabeledReplicas: 5,
      readyReplicas: 5,
      availableReplicas: 5,
      terminatingReplicas: 0,
      observedGeneration: 1,
    });
    const said = (await cluster.client.list(events)).items.map((e) => e.message);
    expect(said).toContain(`Created pod: ${all[0]?.metadata.name}`);
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('never makes a pod too many while its cache is behind', async () => {
    const cluster = setUp();
    cluster.transport.watchDelayMs = 700;
    await make(cluster, 3);
    await cluster.settle(2000);
    await resize(cluster, 4);
    await cluster.settle(5000);
    expect(cluster.transport.writes.filter((w) => w.resource === 'pods' && w.verb === 'create')).toHaveLength(4);
    cluster.stop();
  });

  it('deletes the pods that are missed least', async () => {
    const cluster = setUp();
    await make(cluster, 4);
    await cluster.runPods();
    const [unready, costly] = await cluster.podList();
    if (!unready || !costly) throw new Error('no pods');
    await cluster.setPodReady(unready, false);
    await cluster.client.patch(pods, keyOf(costly), {
      type: 'merge',
      body: { metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '10' } } },
    });
    await cluster.settle();
    await resize(cluster, 3);
    await cluster.settle();
    expect(await cluster.podNames()).not.toContain(unready.metadata.name);
    await resize(cluster, 1);
    await cluster.settle();
    expect(await cluster.podNames()).toEqual([costly.metadata.name]);
    cluster.stop();
  });

  it('replaces a pod that is deleted or has failed', async () => {
    const cluster = setUp();
    await make(cluster, 2);
    await cluster.runPods();
    const [first, second] = await cluster.podList();
    if (!first || !second) throw new Error('no pods');
    await cluster.client.delete(pods, keyOf(first));
    await cluster.client.update(pods, { ...second, status: { phase: 'Failed' } }, { subresource: 'status' });
    await cluster.runPods();
    expect((await cluster.podList()).filter((p) => p.status?.phase === 'Running')).toHaveLength(2);
    cluster.stop();
  });

  it('adopts orphans that match and lets go of pods that match no more', async () => {
    const cluster = setUp();
    await cluster.client.create(pods, podManifest('stray', { app: 'web' }));
    const set: ReplicaSet = await make(cluster, 1);
    await cluster.settle();
    expect(await cluster.podNames()).toEqual(['stray']);
    const stray = await cluster.client.get(pods, { namespace: 'default', name: 'stray' });
    expect(stray.metadata.ownerReferences?.[0]?.uid).toBe(set.metadata.uid);
    await cluster.client.update(pods, { ...stray, metadata: { ...stray.metadata, labels: { app: 'other' } } });
    await cluster.settle();
    const released = await cluster.client.get(pods, { namespace: 'default', name: 'stray' });
    expect(released.metadata.ownerReferences ?? []).toEqual([]);
    expect(await cluster.podNames()).toHaveLength(2);
    cluster.stop();
  });

  it('finds out with one call that nothing can be created, and says so', async () => {
    const cluster = setUp();
    let refused = 0;
    cluster.transport.fail = ({ verb, resource }) => {
      if (verb !== 'create' || resource.resource !== 'pods') return undefined;
      refused++;
      return StatusError.of('Forbidden', 'exceeded quota');
    };
    await make(cluster, 50);
    await cluster.settle(0);
    // Once more for the status it wrote, which it sees again.
    expect(refused).toBeLessThan(4);
    const { status } = await cluster.client.get(replicasets, key);
    expect(status.conditions).toMatchObject([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' },
    ]);
    cluster.transport.fail = () => undefined;
    await cluster.runPods();
    expect(await cluster.podNames()).toHaveLength(50);
    expect((await cluster.client.get(replicasets, key)).status.conditions).toBeUndefined();
    cluster.stop();
  });
});
