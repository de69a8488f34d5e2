import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  controllerrevisions,
  persistentvolumeclaims,
  pods,
  statefulsets,
} from '../../../src/api/generated/resources.ts';
import type { Pod, Scale, StatefulSet } from '../../../src/api/generated/types.ts';
import { keyOf } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

// Claims are guarded: their controller lets them go.
const own = ['statefulset.replicas', 'persistentvolumeclaim.protection'];
let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: [...own, 'garbage.collection', 'serviceaccount.default'] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const make = (spec: Record<string, unknown> = {}): Promise<StatefulSet> =>
  plane.admin.create(statefulsets, {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: { app: 'web' } },
      template: template('web'),
      ...spec,
    },
  } as never);
const get = () => plane.get(statefulsets, 'web');
const pod = (ordinal: number) => plane.get(pods, `web-${ordinal}`);
const scale = (replicas: number) => plane.patch(statefulsets, 'web', { spec: { replicas } });
const setImage = (image: string) => plane.patch(statefulsets, 'web', { spec: { template: template('web', image) } });
const images = async () =>
  Object.fromEntries((await plane.list(pods)).map((p) => [p.metadata.name, p.spec.containers[0]?.image]));
const watched = [statefulsets, pods, controllerrevisions, persistentvolumeclaims];

/** Runs rounds and tells after each how many pods there were and how many of them ready. */
async function watchRollout(): Promise<string[][]> {
  const seen: string[][] = [];
  for (let round = 0; round < 60; round++) {
    await plane.settle();
    const up = (await plane.list(pods)).filter((p) => p.status?.phase === 'Running' && !p.metadata.deletionTimestamp);
    seen.push(up.map((p) => p.metadata.name));
    if (!(await plane.runPodsOnce())) return seen;
  }
  throw new Error('the rollout never ended');
}

describe('StatefulSet', () => {
  // [StatefulSetBasic] Scaling should happen in predictable order and halt if any stateful pod is unhealthy
  it('grows and shrinks in order, and halts at a pod that is not healthy', async () => {
    plane.mayRun = (p) => p.metadata.name !== 'web-1';
    await make();
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['web-0', 'web-1']);
    plane.mayRun = () => true;
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['web-0', 'web-1', 'web-2']);
    const first = await pod(0);
    expect(first.spec).toMatchObject({ hostname: 'web-0', subdomain: 'web' });
    const { status } = await get();
    expect(first.metadata.labels).toEqual({
      app: 'web',
      'apps.kubernetes.io/pod-index': '0',
      'controller-revision-hash': status.updateRevision,
      'statefulset.kubernetes.io/pod-name': 'web-0',
    });
    expect(status).toEqual({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      availableReplicas: 3,
      currentRevision: status.updateRevision,
      updateRevision: expect.stringMatching(/^web-[a-z0-9]+$/),
      collisionCount: 0,
    });
    expect(await plane.eventReasons()).toContain('SuccessfulCreate');
    expect(await plane.writesOfRestart(watched)).toEqual([]);

    for (const ordinal of [0, 1, 2]) await plane.setPodReady(await pod(ordinal), false);
    await scale(0);
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['web-0', 'web-1', 'web-2']);
    for (const ordinal of [0, 1, 2]) await plane.setPodReady(await pod(ordinal));
    const orders = await watchRollout();
    expect(orders.map((up) => up.length)).toEqual([...orders.map((up) => up.length)].sort((a, b) => b - a));
    expect(await plane.names(pods)).toEqual([]);
    expect((await get()).status.replicas).toBe(0);
  });

  // [StatefulSetBasic] Burst scaling should run to completion even with unhealthy pods
  // [StatefulSetBasic] should have a working scale subresource
  it('is scaled by its subresource, which is read, replaced and patched', async () => {
    const key = { namespace: 'default', name: 'web' };
    await make({ replicas: 1 });
    await plane.runPods();
    const current = () => plane.admin.getSubresource<Scale>(statefulsets, key, 'scale');
    expect(await current()).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1, selector: 'app=web' } });
    const wanted = { ...(await current()), spec: { replicas: 2 } };
    await plane.admin.update(statefulsets, wanted as never, { subresource: 'scale' });
    await plane.runPods();
    expect([(await get()).spec.replicas, await plane.names(pods)]).toEqual([2, ['web-0', 'web-1']]);
    const body = { spec: { replicas: 4 } };
    await plane.admin.patch(statefulsets, key, { type: 'merge', body }, { subresource: 'scale' });
    await plane.runPods();
    expect([(await get()).spec.replicas, (await plane.names(pods)).length]).toEqual([4, 4]);
    expect(await current()).toMatchObject({ spec: { replicas: 4 }, status: { replicas: 4 } });
  });

  it('Parallel: does not wait when it scales', async () => {
    plane.mayRun = () => false;
    await make({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
    await plane.settle();
    expect(await plane.names(pods)).toEqual(['web-5', 'web-6', 'web-7']);
    await scale(1);
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['web-5']);
  });

  // [StatefulSetBasic] should perform rolling updates and roll backs of template modifications
  it('rolls from the highest ordinal down, one at a time, and back to a known revision', async () => {
    await make();
    await plane.runPods();
    const { currentRevision } = (await get()).status;
    await setImage('app:2');
    const seen = await watchRollout();
    expect(Math.min(...seen.map((up) => up.length))).toBe(2);
    expect(await images()).toEqual({ 'web-0': 'app:2', 'web-1': 'app:2', 'web-2': 'app:2' });
    const rolled = (await get()).status;
    expect(rolled.currentRevision).toBe(rolled.updateRevision);
    expect(rolled.currentRevision).not.toBe(currentRevision);

    // What `kubectl rollout undo` does: it sends the patch that the revision stores.
    const [old] = (await plane.list(controllerrevisions)).filter((r) => r.metadata.name === currentRevision);
    const patch = { type: 'strategic' as const, body: old?.data };
    await plane.admin.patch(statefulsets, { namespace: 'default', name: 'web' }, patch);
    await plane.runPods();
    expect(await images()).toEqual({ 'web-0': 'app:1', 'web-1': 'app:1', 'web-2': 'app:1' });
    const numbers = (await plane.list(controllerrevisions)).map((r) => [r.metadata.name, r.revision]);
    expect(Object.fromEntries(numbers)).toEqual({
      [currentRevision as string]: 3,
      [rolled.currentRevision as string]: 2,
    });
    expect(await plane.writesOfRestart(watched)).toEqual([]);
  });

  // [StatefulSetBasic] should perform canary updates and phased rolling updates of template modifications
  it('keeps pods below the partition at their revision, also when they are made again', async () => {
    const partitioned = (partition: number) => ({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
    });
    await make(partitioned(3));
    await plane.runPods();
    await setImage('app:2');
    await plane.runPods();
    expect(new Set(Object.values(await images()))).toEqual(new Set(['app:1']));
    await plane.patch(statefulsets, 'web', { spec: partitioned(2) });
    await plane.runPods();
    for (const ordinal of [0, 2]) await plane.admin.delete(pods, keyOf(await pod(ordinal)));
    await plane.runPods();
    expect(await images()).toEqual({ 'web-0': 'app:1', 'web-1': 'app:1', 'web-2': 'app:2' });
    const canary = (await get()).status;
    expect(canary).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    expect(canary.currentRevision).not.toBe(canary.updateRevision);
    await plane.patch(statefulsets, 'web', { spec: partitioned(0) });
    await plane.runPods();
    expect(new Set(Object.values(await images()))).toEqual(new Set(['app:2']));
    expect((await get()).status.currentRevision).toBe(canary.updateRevision);
  });

  it('takes away as many pods at once as maxUnavailable says', async () => {
    await make({ updateStrategy: { rollingUpdate: { maxUnavailable: 2 } }, podManagementPolicy: 'Parallel' });
    await plane.runPods();
    await setImage('app:2');
    const seen = await watchRollout();
    expect(Math.min(...seen.map((up) => up.length))).toBe(1);
    expect(new Set(Object.values(await images()))).toEqual(new Set(['app:2']));
  });

  it('OnDelete: leaves pods alone until somebody deletes them', async () => {
    await make({ updateStrategy: { type: 'OnDelete' } });
    await plane.runPods();
    await setImage('app:2');
    await plane.runPods();
    await plane.admin.delete(pods, keyOf(await pod(1)));
    await plane.runPods();
    expect(await images()).toEqual({ 'web-0': 'app:1', 'web-1': 'app:2', 'web-2': 'app:1' });
  });

  // [StatefulSetBasic] Should recreate evicted statefulset
  it('makes a pod again that has failed or was deleted, with the same name and claims', async () => {
    await make({ replicas: 1, volumeClaimTemplates: [claimTemplate] });
    await plane.runPods();
    const [claim] = await plane.list(persistentvolumeclaims);
    expect(claim?.metadata).toMatchObject({ name: 'data-web-0', labels: { app: 'web' } });
    const before = await pod(0);
    expect(before.spec.volumes?.[0]).toMatchObject({
      name: 'data',
      persistentVolumeClaim: { claimName: 'data-web-0' },
    });
    await plane.setPodStatus(before, { phase: 'Failed', reason: 'Evicted' });
    await plane.runPods();
    const after: Pod = await pod(0);
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.status?.phase).toBe('Running');
    expect((await plane.list(persistentvolumeclaims)).map((c) => c.metadata.uid)).toEqual([claim?.metadata.uid]);
  });

  it('keeps claims by default', async () => {
    await make({ volumeClaimTemplates: [claimTemplate] });
    await plane.runPods();
    await scale(1);
    await plane.runPods();
    await plane.admin.delete(statefulsets, { namespace: 'default', name: 'web' }, { propagationPolicy: 'Background' });
    await plane.runPods();
    expect(await plane.names(pods)).toEqual([]);
    expect(await plane.names(persistentvolumeclaims)).toEqual(['data-web-0', 'data-web-1', 'data-web-2']);
  });

  it('deletes claims with pods scaled away and with the set, as the retention policy says', async () => {
    await make({
      volumeClaimTemplates: [claimTemplate],
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' },
    });
    await plane.runPods();
    expect(await plane.writesOfRestart(watched)).toEqual([]);
    await scale(1);
    await plane.runPods();
    expect(await plane.names(persistentvolumeclaims)).toEqual(['data-web-0']);
    await scale(2);
    await plane.runPods();
    expect(await plane.names(pods)).toEqual(['web-0', 'web-1']);
    await plane.admin.delete(statefulsets, { namespace: 'default', name: 'web' }, { propagationPolicy: 'Background' });
    await plane.runPods();
    expect(await plane.names(persistentvolumeclaims)).toEqual([]);
  });

  it('keeps as many old revisions as the limit says', async () => {
    await make({ replicas: 1, revisionHistoryLimit: 1 });
    for (const image of ['app:2', 'app:3', 'app:4']) {
      await plane.runPods();
      await setImage(image);
    }
    await plane.runPods();
    expect((await plane.list(controllerrevisions)).map((r) => r.revision).sort()).toEqual([3, 4]);
  });
});

const claimTemplate = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
