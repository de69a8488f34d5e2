import type { Job, JobCondition, JobStatus } from '../../api/generated/types.ts';
import { timeText } from '../time-text.ts';
import { hasLimitPerIndex } from './job-pods.ts';
import { metSuccessRule } from './success-policy.ts';
import type { Tally } from './tally.ts';

export interface Outcome {
  type: 'Complete' | 'Failed';
  reason: string;
  message: string;
}

const trueCondition = (job: Job, type: string): JobCondition | undefined =>
  job.status?.conditions?.find((c) => c.type === type && c.status === 'True');
export const isFinished = (job: Job): boolean =>
  trueCondition(job, 'Complete') !== undefined || trueCondition(job, 'Failed') !== undefined;

const complete = (reason: string, message: string): Outcome => ({ type: 'Complete', reason, message });
const failed = (reason: string, message: string): Outcome => ({ type: 'Failed', reason, message });

/** How a job ends, once that is certain; what stands in the status already is not taken back. */
export function outcomeOf(job: Job, t: Tally, nowMs: number): Outcome | undefined {
  return decided(job) ?? failure(job, t, nowMs) ?? success(job, t);
}

export function decided(job: Job): Outcome | undefined {
  const met = trueCondition(job, 'SuccessCriteriaMet');
  if (met) return complete(met.reason ?? '', met.message ?? '');
  const target = trueCondition(job, 'FailureTarget');
  return target && failed(target.reason ?? '', target.message ?? '');
}

function failure(job: Job, t: Tally, nowMs: number): Outcome | undefined {
  if (t.fatal !== undefined) return failed('PodFailurePolicy', t.fatal);
  if (t.failed > (job.spec.backoffLimit ?? 6) || isPastRestarts(job, t)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (msUntilDeadline(job, nowMs) === 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  return hasLimitPerIndex(job) ? failureOfIndexes(job, t) : undefined;
}

function failureOfIndexes({ spec }: Job, t: Tally): Outcome | undefined {
  const count = t.failedIndexes.size;
  if (spec.maxFailedIndexes !== undefined && count > spec.maxFailedIndexes) {
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  if (count === 0 || count + t.succeededIndexes.size < (spec.completions ?? 0)) return undefined;
  return failed('FailedIndexes', 'Job has failed indexes');
}

function success(job: Job, t: Tally): Outcome | undefined {
  const rule = metSuccessRule(job, t.succeededIndexes);
  if (rule !== undefined) return complete('SuccessPolicy', rule);
  const { completions } = job.spec;
  const isComplete = completions === undefined ? t.succeeded > 0 : t.succeeded >= completions;
  if (!isComplete || t.active.length > 0) return undefined;
  return complete('CompletionsReached', 'Reached expected number of succeeded pods');
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
