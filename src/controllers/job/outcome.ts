import type { Job, JobCondition, JobStatus } from '../../api/generated/types.ts';
import { timeText } from '../time-text.ts';
import type { Tally } from './tally.ts';

export interface Outcome {
  type: 'Complete' | 'Failed';
  reason: string;
  message: string;
}

export const isTrue = (job: Job, type: string): boolean =>
  job.status?.conditions?.some((c) => c.type === type && c.status === 'True') === true;
export const isFinished = (job: Job): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed');

/** How a job ends, once that is certain; what stands in the status already is not taken back. */
export function outcomeOf(job: Job, t: Tally, nowMs: number): Outcome | undefined {
  const { spec } = job;
  const target = job.status?.conditions?.find((c) => c.type === 'FailureTarget' && c.status === 'True');
  if (target) return { type: 'Failed', reason: target.reason ?? '', message: target.message ?? '' };
  const met = isTrue(job, 'SuccessCriteriaMet') || isComplete(job, t);
  if (met) {
    const message = 'Reached expected number of succeeded pods';
    return { type: 'Complete', reason: 'CompletionsReached', message };
  }
  if (t.failed > (spec.backoffLimit ?? 6) || isPastRestarts(job, t)) {
    const message = 'Job has reached the specified backoff limit';
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message };
  }
  if (msUntilDeadline(job, nowMs) === 0) {
    const message = 'Job was active longer than specified deadline';
    return { type: 'Failed', reason: 'DeadlineExceeded', message };
  }
  return undefined;
}

function isComplete({ spec }: Job, t: Tally): boolean {
  if (spec.completions === undefined) return t.succeeded > 0 && t.active.length === 0;
  return t.succeeded >= spec.completions;
}

/** With restartPolicy OnFailure the kubelet tries again in the same pod: its restarts are the failures. */
function isPastRestarts({ spec }: Job, t: Tally): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const statuses = t.active.flatMap((pod) => [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]);
  const restarts = statuses.reduce((sum, s) => sum + (s.restartCount ?? 0), 0);
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

export function msUntilDeadline({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || !status?.startTime || spec.suspend) return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs);
}

export function withCondition(status: JobStatus, condition: JobCondition, nowMs: number): JobStatus {
  const known = status.conditions?.find((c) => c.type === condition.type);
  if (known?.status === condition.status && known.reason === condition.reason) return status;
  const now = timeText(nowMs);
  const others = status.conditions?.filter((c) => c.type !== condition.type) ?? [];
  return { ...status, conditions: [...others, { ...condition, lastProbeTime: now, lastTransitionTime: now }] };
}
