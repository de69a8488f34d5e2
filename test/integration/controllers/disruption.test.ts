import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments, poddisruptionbudgets, pods } from '../../../src/api/generated/resources.ts';
import type { Pod } from '../../../src/api/generated/types.ts';
import type { StatusError } from '../../../src/api/meta/status-error.ts';
import { keyOf } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  const workloads = ['deployment.rollout', 'replicaset.replicas', 'serviceaccount.default'];
  plane = await Plane.start({ only: ['disruption.budget', 'disruption.stale-target', ...workloads] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'web' };
const selector = { matchLabels: { app: 'web' } };
const deploy = (replicas: number) =>
  plane.admin.create(deployments, { metadata: key, spec: { replicas, selector, template: template('web') } } as never);
const budget = (spec: object) =>
  plane.admin.create(poddisruptionbudgets, { metadata: key, spec: { selector, ...spec } });
const status = async () => (await plane.get(poddisruptionbudgets, 'web')).status;
const evict = (pod: Pod) =>
  plane.admin.createSubresource(pods, keyOf(pod), 'eviction', {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: keyOf(pod),
  });
const firstPod = async (): Promise<Pod> => {
  const isUp = (p: Pod) => p.status?.phase === 'Running' && !p.metadata.deletionTimestamp;
  const [pod] = (await plane.list(pods)).filter(isUp);
  if (!pod) throw new Error('no pod');
  return pod;
};

describe('DisruptionController', () => {
  // DisruptionController should observe PodDisruptionBudget status updated
  it('tells how many pods may go, and rests', async () => {
    await deploy(4);
    await budget({ maxUnavailable: '25%' });
    await plane.runPods();
    expect(await status()).toEqual({
      observedGeneration: 1,
      disruptionsAllowed: 1,
      currentHealthy: 4,
      desiredHealthy: 3,
      expectedPods: 4,
      conditions: [
        {
          type: 'DisruptionAllowed',
          status: 'True',
          reason: 'SufficientPods',
          message: '',
          observedGeneration: 1,
          lastTransitionTime: expect.any(String),
        },
      ],
    });
    expect(await plane.writesOfRestart([poddisruptionbudgets])).toEqual([]);
    await plane.patch(deployments, 'web', { spec: { replicas: 8 } });
    await plane.runPods();
    expect(await status()).toMatchObject({ disruptionsAllowed: 2, desiredHealthy: 6, expectedPods: 8 });
  });

  // DisruptionController should block an eviction until the PDB is updated to allow it
  // DisruptionController should create a PodDisruptionBudget
  it('looks at a budget when it is made, updated and patched, until it is deleted', async () => {
    const looked = async () => {
      await plane.settle();
      const { metadata, spec, status: told } = await plane.get(poddisruptionbudgets, 'web');
      expect(told.observedGeneration).toBe(metadata.generation);
      return [metadata.generation, spec.minAvailable];
    };
    const made = await budget({ minAvailable: '1%' });
    expect(await looked()).toEqual([1, '1%']);
    const current = await plane.get(poddisruptionbudgets, 'web');
    await plane.admin.update(poddisruptionbudgets, { ...current, spec: { ...made.spec, minAvailable: '2%' } });
    expect(await looked()).toEqual([2, '2%']);
    await plane.patch(poddisruptionbudgets, 'web', { spec: { minAvailable: '3%' } });
    expect(await looked()).toEqual([3, '3%']);
    await plane.admin.delete(poddisruptionbudgets, key);
    expect(await plane.names(poddisruptionbudgets)).toEqual([]);
  });

  // DisruptionController should update/patch PodDisruptionBudget status
  it('lets somebody say which pods are disrupted, by an update and by a patch of the status', async () => {
    await deploy(3);
    await budget({ minAvailable: 1 });
    await plane.runPods();
    const pod = await firstPod();
    const disruptedPods = { [pod.metadata.name]: new Date(plane.cluster.now).toISOString().replace(/\.\d+/, '') };
    const current = await plane.get(poddisruptionbudgets, 'web');
    const told = { ...current.status, disruptedPods };
    const options = { subresource: 'status' };
    const updated = await plane.admin.update(poddisruptionbudgets, { ...current, status: told } as never, options);
    expect(updated.status).toEqual(told);
    expect((await status()).disruptedPods).toEqual(disruptedPods);
    const body = { status: { disruptedPods: null } };
    await plane.admin.patch(poddisruptionbudgets, key, { type: 'merge', body }, options);
    expect((await status()).disruptedPods).toBeUndefined();
  });

  it('blocks an eviction until the budget allows it', async () => {
    await deploy(2);
    await budget({ minAvailable: 2 });
    await plane.runPods();
    const pod = await firstPod();
    await expect(evict(pod).catch((error: StatusError) => error.status)).resolves.toMatchObject({
      code: 429,
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget web needs 2 healthy pods and has 2 currently',
          },
        ],
      },
    });
    await plane.patch(poddisruptionbudgets, 'web', { spec: { minAvailable: 1 } });
    await plane.settle();
    await evict(pod);
    const going = await plane.get(pods, pod.metadata.name);
    expect(going.metadata.deletionTimestamp).toBeDefined();
    expect(going.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }),
    );
    await expect(evict(await firstPod())).rejects.toMatchObject({ code: 429 });
    await plane.runPods();
    expect(await status()).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 2 });
  });

  it('lets a pod that is not ready go where the policy says so', async () => {
    await deploy(2);
    await budget({ minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await plane.runPods();
    const pod = await firstPod();
    await plane.setPodReady(pod, false);
    await plane.settle();
    await evict(pod);
    expect((await plane.get(pods, pod.metadata.name)).metadata.deletionTimestamp).toBeDefined();
  });

  it('allows nothing while it cannot tell how many pods there should be', async () => {
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'u', controller: true };
    await plane.admin.create(pods, {
      ...template('web'),
      metadata: { ...key, labels: { app: 'web' }, ownerReferences: [owner] },
    });
    await budget({ maxUnavailable: 1 });
    await plane.runPods();
    expect(await status()).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ reason: 'SyncFailed', message: 'jobs.batch does not implement the scale subresource' }],
    });
    expect(await plane.eventReasons()).toContain('CalculateExpectedPodCountFailed');
    expect(plane.warnings.splice(0).every((line) => line.includes('does not implement the scale'))).toBe(true);
  });

  it('takes the mark off a pod that was not disrupted after all', async () => {
    await deploy(1);
    await plane.runPods();
    const pod = await firstPod();
    const lastTransitionTime = `${plane.cluster.now.toISOString().slice(0, 19)}Z`;
    await plane.setPodStatus(pod, {
      conditions: [{ type: 'DisruptionTarget', status: 'True', lastTransitionTime }],
    });
    await plane.settle(100_000);
    expect((await firstPod()).status?.conditions).toMatchObject([{ type: 'DisruptionTarget', status: 'True' }]);
    await plane.settle(30_000);
    expect((await firstPod()).status?.conditions).toMatchObject([{ type: 'DisruptionTarget', status: 'False' }]);
  });
});
