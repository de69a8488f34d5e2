import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cronjobs, jobs, pods } from '../../../src/api/generated/resources.ts';
import type { CronJob } from '../../../src/api/generated/types.ts';
import { keyOf } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['cronjob.schedule', 'job.completion', 'garbage.collection', 'serviceaccount.default'],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const minuteMs = 60_000;
const podTemplate = { ...template('tick'), spec: { ...template('tick').spec, restartPolicy: 'Never' } };
const make = (spec: Record<string, unknown> = {}): Promise<CronJob> =>
  plane.admin.create(cronjobs, {
    metadata: { namespace: 'default', name: 'tick' },
    spec: {
      schedule: '*/1 * * * *',
      jobTemplate: { metadata: { labels: { from: 'cron' } }, spec: { template: podTemplate } },
      ...spec,
    },
  } as never);
const get = () => plane.get(cronjobs, 'tick');
const finishAll = async (phase: 'Succeeded' | 'Failed'): Promise<void> => {
  for (const pod of await plane.list(pods)) await plane.setPodStatus(pod, { phase });
};
const activeNames = async () => (await get()).status.active?.map((ref) => ref.name) ?? [];

describe('CronJob', () => {
  // CronJob should schedule multiple jobs concurrently
  it('starts a job for every time of the schedule', async () => {
    await make();
    await plane.settle(30_000);
    expect(await plane.names(jobs)).toEqual([]);
    await plane.settle(2 * minuteMs);
    const names = await activeNames();
    expect(names).toHaveLength(2);
    const job = await plane.get(jobs, names[0] as string);
    expect(job.metadata).toMatchObject({
      name: `tick-${Date.UTC(2026, 0, 1, 0, 1) / minuteMs}`,
      labels: { from: 'cron' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:01:00Z' },
      ownerReferences: [{ kind: 'CronJob', name: 'tick', controller: true }],
    });
    expect((await get()).status.lastScheduleTime).toBe('2026-01-01T00:02:00Z');
    await finishAll('Succeeded');
    await plane.settle();
    expect(await activeNames()).toEqual([]);
    expect((await get()).status.lastSuccessfulTime).toMatch(/^2026-01-01T00:02:3/);
    expect(await plane.eventReasons()).toEqual(expect.arrayContaining(['SuccessfulCreate', 'SawCompletedJob']));
    expect(await plane.writesOfRestart([cronjobs, jobs])).toEqual([]);
  });

  // CronJob should not schedule jobs when suspended
  it('starts nothing while suspended', async () => {
    await make({ suspend: true });
    await plane.settle(5 * minuteMs);
    expect(await plane.names(jobs)).toEqual([]);
  });

  // CronJob should not schedule new jobs when ForbidConcurrent
  it('Forbid: waits until the running one has ended', async () => {
    await make({ concurrencyPolicy: 'Forbid' });
    await plane.settle(5 * minuteMs);
    const [first] = await plane.names(jobs);
    expect(await plane.names(jobs)).toEqual([first]);
    expect(await plane.eventReasons()).toContain('JobAlreadyActive');
    await finishAll('Succeeded');
    await plane.settle();
    expect(await plane.names(jobs)).toHaveLength(2);
  });

  // CronJob should replace jobs when ReplaceConcurrent
  it('Replace: ends the running one', async () => {
    await make({ concurrencyPolicy: 'Replace' });
    await plane.settle(minuteMs + 5000);
    const [first] = await plane.names(jobs);
    await plane.settle(minuteMs);
    const second = await plane.names(jobs);
    expect(second).toHaveLength(1);
    expect(second).not.toEqual([first]);
    expect(await activeNames()).toEqual(second);
  });

  it('keeps as many finished jobs as the limits say', async () => {
    await make({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 });
    for (const phase of ['Succeeded', 'Succeeded', 'Succeeded', 'Succeeded'] as const) {
      await plane.settle(minuteMs);
      await finishAll(phase);
    }
    await plane.settle();
    const finished = (await plane.list(jobs)).filter((j) => j.status.completionTime);
    expect(finished).toHaveLength(2);
  });

  it('takes note when a job is deleted, and takes its jobs along', async () => {
    await make();
    await plane.settle(minuteMs + 5000);
    const [job] = await plane.list(jobs);
    if (!job) throw new Error('no job');
    await plane.admin.delete(jobs, keyOf(job), { propagationPolicy: 'Background' });
    await plane.settle();
    expect(await activeNames()).toEqual([]);
    expect(await plane.eventReasons()).toContain('MissingJob');
    await plane.settle(minuteMs);
    await plane.admin.delete(cronjobs, { namespace: 'default', name: 'tick' }, { propagationPolicy: 'Background' });
    await plane.settle();
    expect(await plane.names(jobs)).toEqual([]);
  });
});
