import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobs, pods } from '../../../src/api/generated/resources.ts';
import type { Job, Pod } from '../../../src/api/generated/types.ts';
import { keyOf } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['job.completion', 'job.ttl', 'garbage.collection', 'serviceaccount.default'],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'work' };
const podTemplate = { ...template('work'), spec: { ...template('work').spec, restartPolicy: 'Never' } };
const make = (spec: Record<string, unknown> = {}): Promise<Job> =>
  plane.admin.create(jobs, { metadata: key, spec: { template: podTemplate, ...spec } } as never);
const indexed = (completions: number, more: Record<string, unknown> = {}) =>
  make({ completionMode: 'Indexed', completions, parallelism: completions, ...more });
const get = () => plane.get(jobs, 'work');
const indexName = 'batch.kubernetes.io/job-completion-index';
const indexOf = (pod: Pod) => Number(pod.metadata.annotations?.[indexName]);
const isOver = (pod: Pod) => ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '');
const running = async () => (await plane.list(pods)).filter((p) => !isOver(p) && !p.metadata.deletionTimestamp);
const podOf = async (index: number): Promise<Pod> => {
  const found = (await running()).find((p) => indexOf(p) === index);
  if (!found) throw new Error(`no pod of index ${index}`);
  return found;
};
async function end(pod: Pod, exitCode: number): Promise<void> {
  const finishedAt = `${plane.cluster.now.toISOString().slice(0, 19)}Z`;
  const state = { terminated: { exitCode, finishedAt, reason: exitCode ? 'Error' : 'Completed' } };
  const status = { name: 'main', state, image: 'i', imageID: 'i', ready: false, restartCount: 0 };
  await plane.setPodStatus(pod, { phase: exitCode ? 'Failed' : 'Succeeded', containerStatuses: [status] });
  await plane.settle();
}
const trueConditions = async () =>
  (await get()).status.conditions?.filter((c) => c.status === 'True').map((c) => `${c.type} ${c.reason}`);
const finalizers = async () => (await plane.list(pods)).flatMap((p) => p.metadata.finalizers ?? []);

describe('Job', () => {
  // Job should create pods for an Indexed job with completion indexes and specified hostname
  it('Indexed: every index succeeds once, with hostname and environment', async () => {
    await indexed(2);
    await plane.runPods();
    const pod = await podOf(1);
    expect(pod.metadata.labels?.[indexName]).toBe('1');
    expect(pod.metadata.name).toMatch(/^work-1-[a-z0-9]{5}$/);
    expect(pod.spec.hostname).toBe('work-1');
    expect(pod.spec.containers[0]?.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexName}']` } },
      },
    ]);
    await end(pod, 0);
    await end(await podOf(0), 1);
    await plane.settle(15_000);
    await end(await podOf(0), 0);
    expect((await get()).status).toMatchObject({ completedIndexes: '0,1', succeeded: 2, failed: 1 });
    expect(await trueConditions()).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached']);
    expect(await finalizers()).toEqual([]);
    expect(await plane.eventReasons()).toEqual(expect.arrayContaining(['SuccessfulCreate', 'Completed']));
    expect(await plane.writesOfRestart([jobs, pods])).toEqual([]);
  });

  // Job should execute all indexes despite some failing when using backoffLimitPerIndex
  it('backoffLimitPerIndex: runs all indexes, also when some fail for good', async () => {
    await indexed(3, { backoffLimitPerIndex: 1 });
    await plane.runPods();
    await end(await podOf(0), 1);
    expect((await get()).status.failedIndexes).toBe('');
    await plane.settle(15_000);
    const again = await podOf(0);
    expect(again.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).toBe('1');
    await end(again, 1);
    await end(await podOf(1), 0);
    await end(await podOf(2), 0);
    const { status } = await get();
    expect(status).toMatchObject({ failedIndexes: '0', completedIndexes: '1,2', failed: 2, succeeded: 2 });
    expect(await trueConditions()).toEqual(['FailureTarget FailedIndexes', 'Failed FailedIndexes']);
    expect(await finalizers()).toEqual([]);
    expect(await plane.writesOfRestart([jobs, pods])).toEqual([]);
  });

  // Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes
  it('maxFailedIndexes: ends the job and its pods', async () => {
    await indexed(3, { backoffLimitPerIndex: 0, maxFailedIndexes: 0 });
    await plane.runPods();
    await end(await podOf(0), 1);
    await plane.runPods();
    expect(await trueConditions()).toContain('Failed MaxFailedIndexesExceeded');
    expect(await running()).toEqual([]);
  });

  // Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy
  it('FailIndex: the index is not tried again', async () => {
    const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [3] } }];
    await indexed(2, { backoffLimitPerIndex: 5, podFailurePolicy: { rules } });
    await plane.runPods();
    await end(await podOf(0), 3);
    expect((await get()).status.failedIndexes).toBe('0');
    await end(await podOf(1), 0);
    expect(await trueConditions()).toContain('Failed FailedIndexes');
  });

  // Job should allow to use the pod failure policy on exit code to fail the job early
  it('FailJob: one exit code ends everything', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await make({ parallelism: 2, completions: 4, podFailurePolicy: { rules } });
    await plane.runPods();
    const [first] = await running();
    await end(first as Pod, 42);
    await plane.runPods();
    const failed = (await get()).status.conditions?.find((c) => c.type === 'Failed');
    expect(failed).toMatchObject({
      reason: 'PodFailurePolicy',
      message: `Container main for pod default/${first?.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
    expect(await running()).toEqual([]);
    expect(await plane.eventReasons()).toContain('PodFailurePolicy');
  });

  // Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition
  it('Ignore: a disruption is no failure', async () => {
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }];
    await make({ backoffLimit: 0, podFailurePolicy: { rules } });
    await plane.runPods();
    const [first] = await running();
    await plane.setPodStatus(first as Pod, {
      phase: 'Failed',
      conditions: [{ type: 'DisruptionTarget', status: 'True' }],
    });
    await plane.settle(15_000);
    expect((await get()).status.failed).toBeUndefined();
    await plane.runPods();
    await end((await running())[0] as Pod, 0);
    expect(await trueConditions()).toContain('Complete CompletionsReached');
  });

  // Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending
  it('successPolicy: ends when the rule is met; what still runs is taken away', async () => {
    await indexed(3, { successPolicy: { rules: [{ succeededIndexes: '0' }] } });
    await plane.runPods();
    await end(await podOf(0), 0);
    expect(await trueConditions()).toEqual(['SuccessCriteriaMet SuccessPolicy']);
    await plane.runPods();
    expect(await trueConditions()).toEqual(['SuccessCriteriaMet SuccessPolicy', 'Complete SuccessPolicy']);
    expect((await get()).status).toMatchObject({ completedIndexes: '0', succeeded: 1, terminating: 0 });
    expect(await running()).toEqual([]);
    expect(await plane.eventReasons()).toEqual(expect.arrayContaining(['SuccessCriteriaMet', 'Completed']));
  });

  // Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending
  // Job with successPolicy should succeeded when all indexes succeeded
  it.each([
    [{ succeededCount: 2 }, 'SuccessPolicy'],
    [{ succeededCount: 3 }, 'SuccessPolicy'],
  ])('successPolicy %j', async (rule, reason) => {
    await indexed(3, { successPolicy: { rules: [rule] } });
    await plane.runPods();
    for (let i = 0; i < rule.succeededCount; i++) await end(await podOf(i), 0);
    await plane.runPods();
    expect(await trueConditions()).toContain(`Complete ${reason}`);
  });

  // Job should adopt matching orphans and release non-matching pods
  it('adopts matching orphans and releases pods that match no more', async () => {
    await make({ parallelism: 2, completions: 2 });
    await plane.runPods();
    const [pod] = await running();
    if (!pod) throw new Error('no pod');
    await plane.patch(pods, pod.metadata.name, { metadata: { ownerReferences: null, finalizers: null } });
    await plane.settle();
    const adopted = await plane.get(pods, pod.metadata.name);
    expect(adopted.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Job', name: 'work', controller: true });
    expect(adopted.metadata.finalizers).toEqual(['batch.kubernetes.io/job-tracking']);
    const uidLabel = 'batch.kubernetes.io/controller-uid';
    await plane.patch(pods, pod.metadata.name, { metadata: { labels: { [uidLabel]: null } } });
    await plane.settle();
    const released = await plane.get(pods, pod.metadata.name);
    expect([released.metadata.ownerReferences, released.metadata.finalizers]).toEqual([undefined, undefined]);
    await plane.runPods();
    expect(await running()).toHaveLength(3);
  });

  it('suspend: takes pods away without counting them, and goes on when resumed', async () => {
    await make({ parallelism: 2, completions: 2 });
    await plane.runPods();
    await plane.patch(jobs, 'work', { spec: { suspend: true } });
    await plane.runPods();
    expect(await plane.names(pods)).toEqual([]);
    const { status } = await get();
    expect(status.failed).toBeUndefined();
    expect(status.startTime).toBeUndefined();
    await plane.patch(jobs, 'work', { spec: { suspend: false } });
    await plane.runPods();
    expect(await running()).toHaveLength(2);
    expect(await plane.eventReasons()).toEqual(expect.arrayContaining(['Suspended', 'Resumed']));
  });

  it('elastic: completions and parallelism grow and shrink together', async () => {
    await indexed(2);
    await plane.runPods();
    await plane.patch(jobs, 'work', { spec: { completions: 4, parallelism: 4 } });
    await plane.runPods();
    expect((await running()).map(indexOf).sort()).toEqual([0, 1, 2, 3]);
    await plane.patch(jobs, 'work', { spec: { completions: 1, parallelism: 1 } });
    await plane.runPods();
    expect((await running()).map(indexOf)).toEqual([0]);
    expect((await get()).status.failed).toBeUndefined();
    await end(await podOf(0), 0);
    expect(await trueConditions()).toContain('Complete CompletionsReached');
  });

  it('podReplacementPolicy Failed: replaces a pod when it has ended, not when it is going', async () => {
    await make({ podReplacementPolicy: 'Failed' });
    await plane.runPods();
    const [pod] = await running();
    await plane.admin.delete(pods, keyOf(pod as Pod));
    await plane.settle(20_000);
    expect(await running()).toEqual([]);
    expect((await get()).status.terminating).toBe(1);
    await plane.setPodStatus(pod as Pod, { phase: 'Failed' });
    await plane.settle(20_000);
    expect(await running()).toHaveLength(1);
    expect((await get()).status.failed).toBe(1);
  });

  it('leaves jobs that somebody else manages alone', async () => {
    await make({ managedBy: 'example.com/queue' });
    await plane.settle(5000);
    expect(await plane.names(pods)).toEqual([]);
    expect((await get()).status).toEqual({});
  });

  // Job should delete a job
  it('lets pods go with the job, or keeps them without it', async () => {
    await make();
    await plane.runPods();
    await plane.admin.delete(jobs, key, { propagationPolicy: 'Orphan' });
    await plane.settle(5000);
    const [orphan] = await plane.list(pods);
    expect(orphan?.metadata.ownerReferences).toBeUndefined();
    expect(orphan?.metadata.finalizers).toBeUndefined();
    await plane.admin.delete(pods, keyOf(orphan as Pod), { gracePeriodSeconds: 0 });
    await make();
    await plane.runPods();
    await plane.admin.delete(jobs, key, { propagationPolicy: 'Foreground' });
    await plane.runPods();
    expect([await plane.names(pods), await plane.names(jobs)]).toEqual([[], []]);
  });
});
