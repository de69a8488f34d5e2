import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controllerrevisions, daemonsets, nodes, pods } from '../../../src/api/generated/resources.ts';
import type { DaemonSet, Pod } from '../../../src/api/generated/types.ts';
import { keyOf } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: ['daemonset.pods', 'garbage.collection', 'serviceaccount.default'] });
  for (const name of ['n1', 'n2', 'n3']) await join(name);
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'agent' };
const taint = (node: string, taints: object[]) => plane.patch(nodes, node, { spec: { taints } });
/** New nodes are tainted until a node controller has seen them ready. */
async function join(node: string): Promise<void> {
  await plane.addNode(node);
  await taint(node, []);
}
const make = (spec: Record<string, unknown> = {}): Promise<DaemonSet> =>
  plane.admin.create(daemonsets, {
    metadata: key,
    spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent'), ...spec },
  } as never);
const get = () => plane.get(daemonsets, 'agent');
const setImage = (image: string) => plane.patch(daemonsets, 'agent', { spec: { template: template('agent', image) } });
const onNodes = async (): Promise<string[]> => (await plane.list(pods)).map((p) => p.spec.nodeName ?? '?').sort();
const images = async () => (await plane.list(pods)).map((p) => p.spec.containers[0]?.image);
const podOn = async (node: string): Promise<Pod> => {
  const found = (await plane.list(pods)).find((p) => p.spec.nodeName === node);
  if (!found) throw new Error(`no pod on ${node}`);
  return found;
};
const watched = [daemonsets, pods, controllerrevisions];

/** Rolls to the end; the lowest number of pods that worked, and the highest number of pods, on the way. */
async function watchRollout(): Promise<{ working: number; all: number }> {
  const seen = { working: Number.POSITIVE_INFINITY, all: 0 };
  for (let round = 0; round < 60; round++) {
    await plane.settle();
    const there = (await plane.list(pods)).filter((p) => !p.metadata.deletionTimestamp);
    seen.working = Math.min(seen.working, there.filter((p) => p.status?.phase === 'Running').length);
    seen.all = Math.max(seen.all, there.length);
    if (!(await plane.runPodsOnce())) return seen;
  }
  throw new Error('the rollout never ended');
}

describe('DaemonSet', () => {
  // Daemon set [Serial] should run and stop simple daemon
  it('runs one pod on every node, also on one that joins, and makes a deleted one again', async () => {
    await make();
    await plane.runPods();
    expect(await onNodes()).toEqual(['n1', 'n2', 'n3']);
    const pod = await podOn('n2');
    const [revision] = await plane.list(controllerrevisions);
    expect(pod.metadata.labels).toEqual({
      app: 'agent',
      'controller-revision-hash': revision?.metadata.labels?.['controller-revision-hash'],
      'pod-template-generation': '1',
    });
    expect(pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).toEqual([
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] },
    ]);
    expect(pod.spec.tolerations).toContainEqual({
      key: 'node.kubernetes.io/unschedulable',
      operator: 'Exists',
      effect: 'NoSchedule',
    });
    expect((await get()).status).toEqual({
      currentNumberScheduled: 3,
      desiredNumberScheduled: 3,
      numberAvailable: 3,
      numberMisscheduled: 0,
      numberReady: 3,
      updatedNumberScheduled: 3,
      observedGeneration: 1,
    });
    expect(await plane.eventReasons()).toContain('SuccessfulCreate');
    expect(await plane.writesOfRestart(watched)).toEqual([]);
    await join('n4');
    await plane.admin.delete(pods, keyOf(pod));
    await plane.runPods();
    expect(await onNodes()).toEqual(['n1', 'n2', 'n3', 'n4']);
    await plane.admin.delete(daemonsets, key, { propagationPolicy: 'Background' });
    await plane.runPods();
    expect(await onNodes()).toEqual([]);
  });

  // Daemon set [Serial] should run and stop complex daemon
  it('follows node labels and taints', async () => {
    const spec = { ...template('agent').spec, nodeSelector: { color: 'blue' } };
    await make({ template: { ...template('agent'), spec } });
    await plane.runPods();
    expect(await onNodes()).toEqual([]);
    await plane.patch(nodes, 'n1', { metadata: { labels: { color: 'blue' } } });
    await plane.patch(nodes, 'n2', { metadata: { labels: { color: 'blue' } } });
    await plane.runPods();
    expect(await onNodes()).toEqual(['n1', 'n2']);
    await plane.patch(nodes, 'n1', { metadata: { labels: { color: 'green' } } });
    await plane.runPods();
    expect(await onNodes()).toEqual(['n2']);
    // Those that are there stay; none comes back.
    await taint('n2', [{ key: 'mine', effect: 'NoSchedule' }]);
    await plane.runPods();
    expect(await onNodes()).toEqual(['n2']);
    expect((await get()).status).toMatchObject({ desiredNumberScheduled: 0, numberMisscheduled: 1 });
    await taint('n2', [{ key: 'mine', effect: 'NoExecute' }]);
    await plane.runPods();
    expect(await onNodes()).toEqual([]);
    await plane.patch(nodes, 'n2', { spec: { taints: [], unschedulable: true } });
    await plane.runPods();
    expect(await onNodes()).toEqual(['n2']);
  });

  // Daemon set [Serial] should retry creating failed daemon pods
  it('replaces pods that have failed, later and later', async () => {
    await make();
    await plane.runPods();
    for (const _ of [1, 2]) {
      await plane.setPodStatus(await podOn('n1'), { phase: 'Failed' });
      await plane.settle(0);
      await plane.runPods();
      expect((await podOn('n1')).status?.phase).toBe('Running');
    }
    expect((await plane.eventReasons()).filter((r) => r === 'FailedDaemonPod').length).toBeGreaterThan(0);
  });

  // Daemon set [Serial] should update pod when spec was updated and update strategy is RollingUpdate
  it('rolls with at most maxUnavailable pods away', async () => {
    await make();
    await plane.runPods();
    await setImage('app:2');
    expect((await watchRollout()).working).toBe(2);
    expect(await images()).toEqual(['app:2', 'app:2', 'app:2']);
    expect((await get()).status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
    expect((await plane.list(controllerrevisions)).map((r) => r.revision).sort()).toEqual([1, 2]);
  });

  it('surges: the old pod goes when the new one is available', async () => {
    await make({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    await plane.runPods();
    await setImage('app:2');
    const { working, all } = await watchRollout();
    expect(working).toBe(3);
    expect(all).toBe(4);
    expect(await images()).toEqual(['app:2', 'app:2', 'app:2']);
  });

  // Daemon set [Serial] should rollback without unnecessary restarts
  it('rolls back without touching pods that never changed', async () => {
    await make();
    await plane.runPods();
    const before = (await plane.list(pods)).map((p) => p.metadata.uid);
    const [first] = await plane.list(controllerrevisions);
    plane.mayRun = (pod) => pod.spec.containers[0]?.image === 'app:1';
    await setImage('broken:1');
    await plane.runPods();
    expect((await images()).sort()).toEqual(['app:1', 'app:1', 'broken:1']);
    const kept = (await plane.list(pods)).filter((p) => before.includes(p.metadata.uid)).map((p) => p.metadata.uid);
    // What `kubectl rollout undo` does: it sends the patch that the revision stores.
    await plane.admin.patch(daemonsets, key, { type: 'strategic', body: first?.data });
    await plane.runPods();
    expect(await images()).toEqual(['app:1', 'app:1', 'app:1']);
    expect((await plane.list(pods)).map((p) => p.metadata.uid)).toEqual(expect.arrayContaining(kept));
    expect((await plane.list(controllerrevisions)).map((r) => r.revision).sort()).toEqual([2, 3]);
    expect(await plane.writesOfRestart(watched)).toEqual([]);
  });

  it('OnDelete: leaves pods alone until somebody deletes them', async () => {
    await make({ updateStrategy: { type: 'OnDelete' } });
    await plane.runPods();
    await setImage('app:2');
    await plane.runPods();
    expect(await images()).toEqual(['app:1', 'app:1', 'app:1']);
    await plane.admin.delete(pods, keyOf(await podOn('n2')));
    await plane.runPods();
    expect((await podOn('n2')).spec.containers[0]?.image).toBe('app:2');
    expect((await get()).status.updatedNumberScheduled).toBe(1);
  });

  it('takes back pods that wait for a node that is gone', async () => {
    await make();
    await plane.settle();
    expect(await plane.names(pods)).toHaveLength(3);
    await plane.admin.delete(nodes, { name: 'n3' });
    await plane.runPods();
    expect(await onNodes()).toEqual(['n1', 'n2']);
  });
});
