import type { CronJob, Job, ObjectReference } from '../../api/generated/types.ts';
import { parseSchedule } from '../../api/batch/cron-schedule.ts';
import { zoneExists } from '../../api/batch/wall-clock.ts';
import type { EventType } from '../../client/event-recorder.ts';
import { timeText } from '../time-text.ts';
import { dueAt, type Timetable } from './due.ts';

export interface World {
  cronJob: CronJob;
  /** Those it manages. */
  jobs: Job[];
  /** Whether a job of that namespace, name and uid still exists, whoever manages it. */
  exists(reference: ObjectReference): boolean;
  nowMs: number;
}

export interface Said {
  type: EventType;
  reason: string;
  message: string;
}

export interface Plan {
  active: ObjectReference[];
  lastSuccessfulTime: string | undefined;
  events: Said[];
  /** Running jobs that make room for the next one. */
  replace: ObjectReference[];
  /** Epoch milliseconds: the time for which a job is to be started now. */
  startForMs: number | undefined;
  zone: string;
  /** When to look again. */
  nextMs: number | undefined;
}

const finishedAs = (job: Job): string | undefined =>
  job.status?.conditions?.find((c) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True')?.type;

/** What to do about one CronJob: first the books of what runs, then whether a start is due. */
export function plan(w: World): Plan {
  const books = keepBooks(w);
  const nothing = { ...books, replace: [], startForMs: undefined, zone: 'UTC', nextMs: undefined };
  const { cronJob } = w;
  if (cronJob.metadata.deletionTimestamp) return nothing;
  const timetable = timetableOf(cronJob);
  if ('problem' in timetable) return { ...nothing, events: [...books.events, timetable.problem] };
  if (cronJob.spec.suspend) return nothing;
  const start = decideStart(w, timetable, books.active);
  const events = [...books.events, ...timetable.notes, ...start.events];
  return { ...nothing, zone: timetable.zone, ...start, events };
}

/** Which jobs are active, and when the last one succeeded. */
function keepBooks({ cronJob, jobs, exists }: World): Pick<Plan, 'active' | 'lastSuccessfulTime' | 'events'> {
  const events: Said[] = [];
  let active = cronJob.status?.active ?? [];
  let { lastSuccessfulTime } = cronJob.status ?? {};
  for (const job of jobs) {
    const { uid, name } = job.metadata;
    const isActive = active.some((ref) => ref.uid === uid);
    const end = finishedAs(job);
    if (!isActive && !end) {
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      events.push({ type: 'Warning', reason: 'UnexpectedJob', message });
    } else if (isActive && end) {
      active = active.filter((ref) => ref.uid !== uid);
      const message = `Saw completed job: ${name}, condition: ${end}`;
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message });
    }
    const completed = end === 'Complete' ? job.status?.completionTime : undefined;
    if (completed && (!lastSuccessfulTime || completed > lastSuccessfulTime)) lastSuccessfulTime = completed;
  }
  for (const ref of active) {
    if (jobs.some((job) => job.metadata.uid === ref.uid) || exists(ref)) continue;
    active = active.filter((other) => other !== ref);
    events.push({ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${ref.name}` });
  }
  return { active, lastSuccessfulTime, events };
}

function timetableOf({ spec }: CronJob): (Timetable & { notes: Said[] }) | { problem: Said } {
  const warning = (reason: string, message: string) => ({ problem: { type: 'Warning' as const, reason, message } });
  // Written before it was refused.
  const [, inline, rest] = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(spec.schedule) ?? [];
  const zone = spec.timeZone ?? inline ?? 'UTC';
  if (!zoneExists(zone)) {
    return warning('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(zone)}: unknown time zone ${zone}`);
  }
  const schedule = parseSchedule(rest ?? spec.schedule);
  const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(spec.schedule)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`;
  const notes: Said[] = inline ? [{ type: 'Warning', reason: 'UnsupportedSchedule', message }] : [];
  if (typeof schedule !== 'string') return { schedule, zone, notes };
  return warning('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${schedule}`);
}

function decideStart(
  { cronJob, nowMs }: World,
  timetable: Timetable,
  active: ObjectReference[],
): Pick<Plan, 'events' | 'active' | 'replace' | 'startForMs' | 'nextMs'> {
  const { spec, status } = cronJob;
  const { scheduledMs, isManyMissed, nextMs } = dueAt(cronJob, timetable, nowMs);
  const events: Said[] = [];
  const wait = { events, active, replace: [], startForMs: undefined, nextMs };
  if (isManyMissed) {
    const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    events.push({ type: 'Warning', reason: 'TooManyMissedTimes', message });
  }
  if (scheduledMs === undefined) return wait;
  const deadline = spec.startingDeadlineSeconds;
  if (deadline !== undefined && scheduledMs + deadline * 1000 < nowMs) {
    const message = `Missed scheduled time to start a job: ${new Date(scheduledMs).toUTCString().replace('GMT', '+0000')}`;
    events.push({ type: 'Warning', reason: 'MissSchedule', message });
    return wait;
  }
  const isServed = status?.lastScheduleTime === timeText(scheduledMs);
  if (isServed || active.some((ref) => ref.name === jobName(cronJob, scheduledMs))) return wait;
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    events.push({ type: 'Normal', reason: 'JobAlreadyActive', message });
    return wait;
  }
  const replace = spec.concurrencyPolicy === 'Replace' ? active : [];
  return { ...wait, active: active.filter((ref) => !replace.includes(ref)), replace, startForMs: scheduledMs };
}

/** The same for the same time: two starts for it cannot both succeed. */
export const jobName = ({ metadata }: CronJob, scheduledMs: number): string =>
  `${metadata.name}-${Math.floor(scheduledMs / 60_000)}`;

/** Finished jobs beyond the limits of the history, oldest first. */
export function beyondHistory({ spec }: CronJob, jobs: Job[]): Job[] {
  const oldest = (end: string, limit: number | undefined): Job[] => {
    if (limit === undefined) return [];
    const ended = jobs.filter((job) => finishedAs(job) === end).sort(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...oldest('Complete', spec.successfulJobsHistoryLimit), ...oldest('Failed', spec.failedJobsHistoryLimit)];
}

const byStart = (a: Job, b: Job): number =>
  (a.status?.startTime ?? '').localeCompare(b.status?.startTime ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);
