import { describe, expect, it } from 'vitest';
import { deployments, events, replicasets } from '../../api/generated/resources.ts';
import type { Deployment, DeploymentSpec } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import { podTemplate, testCluster } from '../test-cluster.ts';
import { byAge, replicasOf } from './numbers.ts';

const key = { namespace: 'default', name: 'web' };
type Cluster = ReturnType<typeof testCluster>;
const setUp = () => testCluster({ only: ['deployment.rollout', 'replicaset.replicas'] });

const make = (cluster: Cluster, replicas: number, spec: Partial<DeploymentSpec> = {}) =>
  cluster.client.create(deployments, {
    metadata: key,
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: podTemplate('web'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    } as Deployment['spec'],
  });
const patch = (cluster: Cluster, spec: object) =>
  cluster.client.patch(deployments, key, { type: 'merge', body: { spec } });
const setImage = (cluster: Cluster, image: string) => patch(cluster, { template: podTemplate('web', image) });
const get = (cluster: Cluster) => cluster.client.get(deployments, key);
const sets = async (cluster: Cluster) => (await cluster.client.list(replicasets)).items.sort(byAge);
const conditions = async (cluster: Cluster) =>
  Object.fromEntries((await get(cluster)).status.conditions?.map((c) => [c.type, `${c.status} ${c.reason}`]) ?? []);

describe('deployment.rollout', () => {
  it('comes up, complete, and rests', async () => {
    const cluster = setUp();
    await make(cluster, 3);
    await cluster.runPods();
    await cluster.settle();
    const { status, metadata } = await get(cluster);
    expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    const counters = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, observedGeneration: 1 };
    expect(status).toMatchObject(counters);
    expect(status.unavailableReplicas).toBeUndefined();
    expect(await conditions(cluster)).toEqual({
      Available: 'True MinimumReplicasAvailable',
      Progressing: 'True NewReplicaSetAvailable',
    });
    const [set] = await sets(cluster);
    expect(set?.metadata.name).toBe(`web-${set?.metadata.labels?.['pod-template-hash']}`);
    expect(set?.spec.selector.matchLabels).toHaveProperty('pod-template-hash');
    const progressing = status.conditions?.find((c) => c.type === 'Progressing');
    expect(progressing?.message).toBe(`ReplicaSet "${set?.metadata.name}" has successfully progressed.`);
    const said = (await cluster.client.list(events)).items.map((e) => e.message);
    expect(said).toContain(`Scaled up replica set ${set?.metadata.name} from 0 to 3`);
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('rolls within its limits, keeps the old set for a rollback, and goes back', async () => {
    const cluster = setUp();
    await make(cluster, 8);
    await cluster.runPods();
    await setImage(cluster, 'app:2');
    for (let i = 0; i < 40; i++) {
      await cluster.settle(100);
      const all = (await cluster.podList()).filter((p) => !p.metadata.deletionTimestamp);
      const ready = all.filter((p) => p.status?.phase === 'Running');
      expect(all.length).toBeLessThanOrEqual(10);
      expect(ready.length).toBeGreaterThanOrEqual(6);
      const waiting = all.find((p) => p.status?.phase !== 'Running');
      if (waiting) await cluster.setPodReady(waiting);
    }
    await cluster.runPods();
    expect((await sets(cluster)).map(replicasOf).sort()).toEqual([0, 8]);
    await setImage(cluster, 'app:1');
    await cluster.runPods();
    const after = await sets(cluster);
    expect(after).toHaveLength(2);
    const revisions = Object.fromEntries(
      after.map((s) => [
        s.spec.template?.spec?.containers[0]?.image,
        s.metadata.annotations?.['deployment.kubernetes.io/revision'],
      ]),
    );
    expect(revisions).toEqual({ 'app:1': '3', 'app:2': '2' });
    expect((await get(cluster)).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('recreates: no new pod before the last old one is gone', async () => {
    const cluster = setUp();
    await make(cluster, 3, { strategy: { type: 'Recreate' } } as Partial<DeploymentSpec>);
    await cluster.runPods();
    const held = (await cluster.podList())[0];
    if (!held) throw new Error('no pod');
    const { pods } = await import('../../api/generated/resources.ts');
    const body = { metadata: { finalizers: ['example.com/hold'] } };
    await cluster.client.patch(pods, keyOf(held), { type: 'merge', body });
    await setImage(cluster, 'app:2');
    await cluster.settle();
    expect(await cluster.podNames()).toEqual([held.metadata.name]);
    await cluster.client.patch(pods, keyOf(held), { type: 'merge', body: { metadata: { finalizers: null } } });
    await cluster.runPods();
    expect((await cluster.podList()).map((p) => p.spec.containers[0]?.image)).toEqual(['app:2', 'app:2', 'app:2']);
    cluster.stop();
  });

  it('scales in the middle of a rollout by share, and not on while paused', async () => {
    const cluster = setUp();
    await make(cluster, 10, {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    } as Partial<DeploymentSpec>);
    await cluster.runPods();
    await setImage(cluster, 'broken');
    await cluster.settle();
    expect((await sets(cluster)).map(replicasOf).sort()).toEqual([5, 8]);
    await patch(cluster, { replicas: 15 });
    await cluster.settle();
    // The example of the Kubernetes documentation: 5 more, 3 to the larger set and 2 to the smaller.
    expect((await sets(cluster)).map(replicasOf).sort((a, b) => a - b)).toEqual([7, 11]);
    await patch(cluster, { paused: true, template: podTemplate('web', 'app:3') });
    await cluster.settle();
    expect(await sets(cluster)).toHaveLength(2);
    expect((await conditions(cluster)).Progressing).toBe('Unknown DeploymentPaused');
    cluster.stop();
  });

  it('says when its deadline has passed', async () => {
    const cluster = setUp();
    await make(cluster, 2, { progressDeadlineSeconds: 60 });
    await cluster.settle();
    expect(await conditions(cluster)).toEqual({
      Available: 'False MinimumReplicasUnavailable',
      Progressing: 'True ReplicaSetUpdated',
    });
    await cluster.settle(70_000);
    expect((await conditions(cluster)).Progressing).toBe('False ProgressDeadlineExceeded');
    await cluster.runPods();
    expect((await conditions(cluster)).Progressing).toBe('True NewReplicaSetAvailable');
    cluster.stop();
  });

  it('keeps as many old sets as its history says', async () => {
    const cluster = setUp();
    await make(cluster, 1, { revisionHistoryLimit: 1 });
    for (const image of ['app:1', 'app:2', 'app:3', 'app:4']) {
      await setImage(cluster, image);
      await cluster.runPods();
    }
    await cluster.settle();
    expect((await sets(cluster)).map((s) => s.spec.template?.spec?.containers[0]?.image).sort()).toEqual([
      'app:3',
      'app:4',
    ]);
    cluster.stop();
  });

  it('takes another name when a set with its name is in the way', async () => {
    const cluster = setUp();
    await make(cluster, 1);
    await cluster.runPods();
    const [own] = await sets(cluster);
    await cluster.client.delete(deployments, key);
    await cluster.settle();
    await cluster.client.update(replicasets, {
      ...(own as NonNullable<typeof own>),
      metadata: {
        ...(own as NonNullable<typeof own>).metadata,
        resourceVersion: undefined,
        ownerReferences: [],
        labels: {},
      },
    });
    await make(cluster, 1);
    await cluster.settle(2000);
    expect((await get(cluster)).status.collisionCount).toBe(1);
    expect(await sets(cluster)).toHaveLength(2);
    cluster.stop();
  });
});
