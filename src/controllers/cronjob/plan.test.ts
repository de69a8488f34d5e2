import { describe, expect, it } from 'vitest';
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../api/generated/types.ts';
import { beyondHistory, plan } from './plan.ts';
import { zonedTimeText } from './zoned-time-text.ts';

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);
const cronJob = (spec: Partial<CronJobSpec>, status: CronJobStatus = {}): CronJob =>
  ({
    metadata: { name: 'tick', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { schedule: '*/10 * * * *', ...spec },
    status,
  }) as CronJob;
const job = (name: string, end?: 'Complete' | 'Failed', completionTime?: string): Job =>
  ({
    metadata: { name, uid: name },
    status: { completionTime, startTime: completionTime, conditions: end ? [{ type: end, status: 'True' }] : [] },
  }) as unknown as Job;
const active = (...names: string[]): CronJobStatus => ({ active: names.map((name) => ({ name, uid: name })) });

interface Ask {
  spec?: Partial<CronJobSpec>;
  status?: CronJobStatus;
  jobs?: Job[];
  now: string;
}
function ask({ spec = {}, status, jobs = [], now }: Ask) {
  const p = plan({ cronJob: cronJob(spec, status), jobs, exists: () => false, nowMs: at(now) });
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString().slice(11, 16));
  return {
    start: time(p.startForMs),
    next: time(p.nextMs),
    said: p.events.map((e) => e.reason),
    active: p.active.map((ref) => ref.name),
    replace: p.replace.map((ref) => ref.name),
    lastSuccess: p.lastSuccessfulTime,
  };
}

describe('the plan of a CronJob', () => {
  it.each<[string, Ask, object]>([
    ['nothing is due yet', { now: '00:05:00' }, { start: undefined, next: '00:10', said: [] }],
    ['a time has come', { now: '00:10:00' }, { start: '00:10', next: '00:20' }],
    ['of missed times only the last counts', { now: '01:05:00' }, { start: '01:00', said: [] }],
    [
      'a time is served once',
      { now: '00:12:00', status: { lastScheduleTime: '2026-01-01T00:10:00Z' } },
      { start: undefined, next: '00:20' },
    ],
    [
      'too late by the deadline',
      { now: '00:15:00', spec: { startingDeadlineSeconds: 60 } },
      { start: undefined, said: [] },
    ],
    ['in time by the deadline', { now: '00:10:30', spec: { startingDeadlineSeconds: 60 } }, { start: '00:10' }],
    ['suspended', { now: '00:10:00', spec: { suspend: true } }, { start: undefined, next: undefined }],
    [
      'missed a hundred times',
      { now: '23:59:00', spec: { schedule: '* * * * *' } },
      { start: '23:59', said: ['TooManyMissedTimes'] },
    ],
    [
      'in the zone of the job',
      { now: '03:30:00', spec: { schedule: '0 9 * * *', timeZone: 'Asia/Kolkata' } },
      { start: '03:30' },
    ],
    [
      'an unknown zone',
      { now: '00:10:00', spec: { timeZone: 'Mars/North' } },
      { start: undefined, said: ['UnknownTimeZone'] },
    ],
    [
      'no schedule',
      { now: '00:10:00', spec: { schedule: 'soon' } },
      { start: undefined, said: ['UnparseableSchedule'] },
    ],
    [
      'a zone in the schedule',
      { now: '00:10:00', spec: { schedule: 'TZ=Asia/Kolkata 40 5 * * *' } },
      { start: '00:10', said: ['UnsupportedSchedule'] },
    ],
    [
      'a schedule without a time',
      { now: '00:10:00', spec: { schedule: '0 0 31 2 *' } },
      { start: undefined, next: undefined },
    ],
    [
      'Allow: one more beside the running one',
      { now: '00:20:00', status: active('a'), jobs: [job('a')] },
      { start: '00:20', active: ['a'] },
    ],
    [
      'Forbid: not while one runs',
      { now: '00:20:00', spec: { concurrencyPolicy: 'Forbid' }, status: active('a'), jobs: [job('a')] },
      { start: undefined, said: ['JobAlreadyActive'], active: ['a'] },
    ],
    [
      'Forbid: as soon as it has ended',
      {
        now: '00:21:00',
        spec: { concurrencyPolicy: 'Forbid' },
        status: active('a'),
        jobs: [job('a', 'Complete', '2026-01-01T00:21:00Z')],
      },
      { start: '00:20', said: ['SawCompletedJob'], active: [], lastSuccess: '2026-01-01T00:21:00Z' },
    ],
    [
      'Replace: instead of the running one',
      { now: '00:20:00', spec: { concurrencyPolicy: 'Replace' }, status: active('a'), jobs: [job('a')] },
      { start: '00:20', replace: ['a'], active: [] },
    ],
    ['an active job is gone', { now: '00:05:00', status: active('a') }, { said: ['MissingJob'], active: [] }],
    ['a job nobody noted', { now: '00:05:00', jobs: [job('a')] }, { said: ['UnexpectedJob'] }],
  ])('%s', (_what, asked, expected) => {
    expect(ask(asked)).toMatchObject(expected);
  });

  it('finds the last of years of missed times at once', () => {
    const old = {
      ...cronJob({ schedule: '*/10 9 * * 1-5' }),
      metadata: { name: 'tick', creationTimestamp: '2006-01-01T00:00:00Z' },
    };
    const p = plan({ cronJob: old, jobs: [], exists: () => false, nowMs: Date.parse('2026-01-04T00:00:00Z') });
    expect(new Date(p.startForMs ?? 0).toISOString()).toBe('2026-01-02T09:50:00.000Z');
  });
});

it('keeps the newest jobs of each end', () => {
  const time = (n: number) => `2026-01-01T00:0${n}:00Z`;
  const jobs = [1, 2, 3].flatMap((n) => [job(`c${n}`, 'Complete', time(n)), job(`f${n}`, 'Failed', time(n))]);
  const spec = { successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 };
  expect(beyondHistory(cronJob(spec), jobs).map((j) => j.metadata.name)).toEqual(['c1', 'f1', 'f2', 'f3']);
  expect(beyondHistory(cronJob({}), jobs)).toEqual([]);
});

it('writes times as the zone has them', () => {
  expect(zonedTimeText(at('03:30:00'), 'Asia/Kolkata')).toBe('2026-01-01T09:00:00+05:30');
  expect(zonedTimeText(at('03:30:00'), 'America/New_York')).toBe('2025-12-31T22:30:00-05:00');
  expect(zonedTimeText(at('03:30:00'), 'UTC')).toBe('2026-01-01T03:30:00Z');
});
