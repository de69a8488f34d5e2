import type { CronJob } from '../../api/generated/types.ts';
import { nextTime, type Schedule } from '../../api/batch/cron-schedule.ts';

export interface Timetable {
  schedule: Schedule;
  zone: string;
}

export interface Due {
  /** The latest time that has come and was not served yet. */
  scheduledMs: number | undefined;
  /** There were more than a hundred: somebody's clock is wrong, or nobody looked for long. */
  isManyMissed: boolean;
  /** When to look again; undefined when the schedule has no further time. */
  nextMs: number | undefined;
}

const tooMany = 100;

/** Which start is due. Missed ones are not made up for: only the latest counts. */
export function dueAt(cronJob: CronJob, { schedule, zone }: Timetable, nowMs: number): Due {
  const next = (afterMs: number) => nextTime(schedule, afterMs, zone);
  const servedMs = Date.parse(cronJob.status?.lastScheduleTime ?? cronJob.metadata.creationTimestamp ?? '');
  const deadline = cronJob.spec.startingDeadlineSeconds;
  const earliestMs = deadline === undefined ? servedMs : Math.max(servedMs, nowMs - deadline * 1000);
  const nextMs = next(nowMs);
  const first = next(earliestMs);
  if (first === undefined || first > nowMs) return { scheduledMs: undefined, isManyMissed: false, nextMs };
  const second = next(first);
  if (second === undefined || second > nowMs) return { scheduledMs: first, isManyMissed: false, nextMs };
  const missed = Math.floor((nowMs - first) / (second - first)) + 1;
  return {
    scheduledMs: latest(next, { first, periodMs: second - first, nowMs }),
    isManyMissed: missed > tooMany,
    nextMs,
  };
}

/** The last time up to now, looked for backwards in steps that double: years may have been missed. */
function latest(
  next: (afterMs: number) => number | undefined,
  { first, periodMs, nowMs }: { first: number; periodMs: number; nowMs: number },
): number {
  let found = first;
  for (let windowMs = periodMs; ; windowMs *= 2) {
    const fromMs = Math.max(first, nowMs - windowMs);
    for (let t = next(fromMs); t !== undefined && t <= nowMs; t = next(t)) found = t;
    if (found > fromMs || fromMs === first) return found;
  }
}
