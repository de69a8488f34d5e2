import { describe, expect, it } from 'vitest';
import { events, jobs, pods } from '../../api/generated/resources.ts';
import type { JobSpec, Pod } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import { podTemplate, testCluster } from '../test-cluster.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';

type Cluster = ReturnType<typeof testCluster>;
const key = { namespace: 'default', name: 'work' };
const setUp = () => testCluster({ only: ['job.completion', 'job.ttl', 'garbage.collection'] });
const make = (cluster: Cluster, spec: Partial<JobSpec>) =>
  cluster.client.create(jobs, {
    metadata: key,
    spec: { selector: { matchLabels: { app: 'work' } }, template: podTemplate('work'), ...spec } as JobSpec,
  });
const get = (cluster: Cluster) => cluster.client.get(jobs, key);
const running = async (cluster: Cluster) =>
  (await cluster.podList()).filter((p) => !['Succeeded', 'Failed'].includes(p.status?.phase ?? ''));
async function finish(cluster: Cluster, pod: Pod | undefined, phase: 'Succeeded' | 'Failed'): Promise<void> {
  if (!pod) throw new Error('no pod');
  const finishedAt = new Date(cluster.clock.now()).toISOString();
  const containerStatuses = [{ name: 'main', state: { terminated: { exitCode: 0, finishedAt } } }];
  const live = await cluster.client.get(pods, keyOf(pod));
  const status = { ...live.status, phase, containerStatuses } as Pod['status'];
  await cluster.client.update(pods, { ...live, status }, { subresource: 'status' });
  await cluster.settle();
}
const trueConditions = async (cluster: Cluster) =>
  (await get(cluster)).status.conditions?.filter((c) => c.status === 'True').map((c) => `${c.type} ${c.reason}`);

describe('job.completion', () => {
  it('runs so many at a time until enough have succeeded, and counts each once', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 2, completions: 3 });
    await cluster.settle();
    expect(await running(cluster)).toHaveLength(2);
    expect((await get(cluster)).status).toMatchObject({ active: 2, startTime: '2026-01-01T00:00:00Z' });
    for (const left of [2, 1, 0]) {
      const done = (await running(cluster))[0];
      await finish(cluster, done, 'Succeeded');
      expect(await running(cluster)).toHaveLength(left);
      // Deleted after it was counted: still counted.
      await cluster.client.delete(pods, keyOf(done as Pod));
      await cluster.settle();
    }
    const { status } = await get(cluster);
    expect(status.succeeded).toBe(3);
    expect(status.completionTime).toBeDefined();
    expect(status.uncountedTerminatedPods).toEqual({});
    expect(await trueConditions(cluster)).toEqual([
      'SuccessCriteriaMet CompletionsReached',
      'Complete CompletionsReached',
    ]);
    expect((await cluster.client.list(events)).items.map((e) => e.reason)).toContain('Completed');
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('tries again later and later, and gives up at its limit', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 1, completions: 1, backoffLimit: 2 });
    await cluster.settle();
    await finish(cluster, (await running(cluster))[0], 'Failed');
    expect(await running(cluster)).toEqual([]);
    await cluster.settle(10_000);
    await finish(cluster, (await running(cluster))[0], 'Failed');
    await cluster.settle(10_000);
    expect(await running(cluster)).toEqual([]);
    await cluster.settle(10_000);
    await finish(cluster, (await running(cluster))[0], 'Failed');
    expect(await trueConditions(cluster)).toEqual([
      'FailureTarget BackoffLimitExceeded',
      'Failed BackoffLimitExceeded',
    ]);
    expect((await get(cluster)).status.failed).toBe(3);
    cluster.stop();
  });

  it('ends at its deadline and takes its pods along', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 2, completions: 2, activeDeadlineSeconds: 30 });
    await cluster.settle(20_000);
    expect(await running(cluster)).toHaveLength(2);
    await cluster.settle(15_000);
    expect(await cluster.podList()).toEqual([]);
    expect(await trueConditions(cluster)).toContain('Failed DeadlineExceeded');
    cluster.stop();
  });

  it('gives every index one success', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 3, completions: 3, completionMode: 'Indexed' });
    await cluster.settle();
    const all = await running(cluster);
    const annotation = 'batch.kubernetes.io/job-completion-index';
    expect(all.map((p) => p.metadata.annotations?.[annotation]).sort()).toEqual(['0', '1', '2']);
    const of = (index: string) => all.find((p) => p.metadata.annotations?.[annotation] === index);
    expect(of('1')?.spec.hostname).toBe('work-1');
    await finish(cluster, of('0'), 'Succeeded');
    await finish(cluster, of('2'), 'Succeeded');
    await finish(cluster, of('1'), 'Failed');
    expect((await get(cluster)).status.completedIndexes).toBe('0,2');
    await cluster.settle(10_000);
    const again = await running(cluster);
    expect(again.map((p) => p.metadata.annotations?.[annotation])).toEqual(['1']);
    await finish(cluster, again[0], 'Succeeded');
    expect((await get(cluster)).status).toMatchObject({ completedIndexes: '0-2', succeeded: 3, failed: 1 });
    expect(await trueConditions(cluster)).toContain('Complete CompletionsReached');
    cluster.stop();
  });

  it('stops its pods while suspended', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 1, completions: 1 });
    await cluster.settle();
    await cluster.client.patch(jobs, key, { type: 'merge', body: { spec: { suspend: true } } });
    await cluster.settle();
    expect(await cluster.podList()).toEqual([]);
    expect(await trueConditions(cluster)).toEqual(['Suspended JobSuspended']);
    await cluster.client.patch(jobs, key, { type: 'merge', body: { spec: { suspend: false } } });
    await cluster.settle(20_000);
    expect(await running(cluster)).toHaveLength(1);
    cluster.stop();
  });

  it('lets the pods of a deleted job go, and deletes a finished one after its time', async () => {
    const cluster = setUp();
    await make(cluster, { parallelism: 1, completions: 1 });
    await cluster.settle();
    await cluster.client.delete(jobs, key, { propagationPolicy: 'Background' });
    await cluster.settle();
    expect(await cluster.podList()).toEqual([]);
    await make(cluster, { parallelism: 1, completions: 1, ttlSecondsAfterFinished: 60 });
    await cluster.settle();
    await finish(cluster, (await running(cluster))[0], 'Succeeded');
    await cluster.settle(50_000);
    expect((await get(cluster)).metadata.deletionTimestamp).toBeUndefined();
    await cluster.settle(15_000);
    expect((await cluster.client.list(jobs)).items).toEqual([]);
    expect(await cluster.podList()).toEqual([]);
    cluster.stop();
  });
});

it('writes indexes as ranges', () => {
  expect(formatIndexes([5, 0, 2, 1, 8, 7])).toBe('0-2,5,7,8');
  expect([...parseIndexes('0-2,5,7,8')]).toEqual([0, 1, 2, 5, 7, 8]);
});
