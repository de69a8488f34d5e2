import type { Job, JobStatus } from '../../api/generated/types.ts';
import type { EventType } from '../../client/event-recorder.ts';
import { timeText } from '../time-text.ts';
import { type Outcome, withCondition } from './outcome.ts';
import type { Tally } from './tally.ts';

/** Decided first (SuccessCriteriaMet, FailureTarget), finished when every pod has ended and is counted. */
export function jobStatus(
  job: Job,
  t: Tally,
  { outcome, nowMs }: { outcome: Outcome | undefined; nowMs: number },
): JobStatus {
  let status: JobStatus = { ...t.status, startTime: startTime(job, nowMs) };
  if (!outcome) return withSuspension(job, status, nowMs);
  const { type, reason, message } = outcome;
  const target = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  status = withCondition(status, { type: target, status: 'True', reason, message }, nowMs);
  const isSettled = t.active.length === 0 && t.terminating.length === 0 && t.released.length === 0;
  if (!isSettled) return status;
  status = withCondition(status, { type, status: 'True', reason, message }, nowMs);
  return type === 'Complete' ? { ...status, completionTime: timeText(nowMs) } : status;
}

function startTime(job: Job, nowMs: number): string | undefined {
  if (job.spec.suspend) return undefined;
  return job.status?.startTime ?? timeText(nowMs);
}

function withSuspension(job: Job, status: JobStatus, nowMs: number): JobStatus {
  const known = status.conditions?.find((c) => c.type === 'Suspended');
  if (job.spec.suspend) {
    const text = { reason: 'JobSuspended', message: 'Job suspended' };
    return withCondition(status, { type: 'Suspended', status: 'True', ...text }, nowMs);
  }
  if (known?.status !== 'True') return status;
  const text = { reason: 'JobResumed', message: 'Job resumed' };
  return withCondition(status, { type: 'Suspended', status: 'False', ...text }, nowMs);
}

export interface Said {
  type: EventType;
  reason: string;
  message: string;
}

/** What is to be said of the difference between two statuses. */
export function saidOf(job: Job, status: JobStatus): Said[] {
  const fresh = (type: string, value = 'True') => {
    const is = (c: { type: string; status: string }) => c.type === type && c.status === value;
    return job.status?.conditions?.some(is) ? undefined : status.conditions?.find(is);
  };
  const said: Said[] = [];
  const add = (type: EventType, reason = '', message = '') => said.push({ type, reason, message });
  const target = fresh('FailureTarget');
  if (target) add('Warning', target.reason, target.message);
  const met = fresh('SuccessCriteriaMet');
  if (met?.reason === 'SuccessPolicy') add('Normal', 'SuccessCriteriaMet', met.message);
  if (fresh('Complete')) {
    const isMore = job.spec.completions !== undefined && (status.succeeded ?? 0) > job.spec.completions;
    if (isMore)
      add('Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
    add('Normal', 'Completed', 'Job completed');
  }
  if (fresh('Suspended')) add('Normal', 'Suspended', 'Job suspended');
  if (fresh('Suspended', 'False')) add('Normal', 'Resumed', 'Job resumed');
  return said;
}
