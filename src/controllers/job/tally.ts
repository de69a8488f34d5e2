import type { Job, JobStatus, Pod } from '../../api/generated/types.ts';
import { isPodActive, isPodReady } from '../pod-state.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexAnnotation = 'batch.kubernetes.io/job-completion-index';

/** What the pods of a job add up to. Finished pods count once, also when they are deleted in between (KEP-2307). */
export interface Tally {
  /** To be written before any finalizer is removed. */
  status: JobStatus;
  active: Pod[];
  terminating: Pod[];
  /** Including those not counted yet. */
  succeeded: number;
  failed: number;
  completedIndexes: Set<number>;
  /** Noted in the status as last written: their finalizer may go. */
  released: Pod[];
}

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(trackingFinalizer) === true;
export const isIndexed = (job: Job): boolean => job.spec.completionMode === 'Indexed';

export function indexOf(pod: Pod): number | undefined {
  const index = Number(pod.metadata.annotations?.[indexAnnotation] ?? Number.NaN);
  return Number.isInteger(index) ? index : undefined;
}

export function tally(job: Job, pods: Pod[]): Tally {
  const noted = {
    succeeded: job.status?.uncountedTerminatedPods?.succeeded ?? [],
    failed: job.status?.uncountedTerminatedPods?.failed ?? [],
  };
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid ?? '', pod]));
  const pending = (uids: string[]) => uids.filter((uid) => tracked.has(uid));
  const fresh = [...tracked.values()].filter(
    ({ metadata: { uid = '' } }) => !noted.succeeded.includes(uid) && !noted.failed.includes(uid),
  );
  const uidsOf = (list: Pod[]) => list.map((pod) => pod.metadata.uid ?? '');
  const succeededNow = [
    ...pending(noted.succeeded),
    ...uidsOf(fresh.filter((pod) => pod.status?.phase === 'Succeeded')),
  ];
  const failedNow = [...pending(noted.failed), ...uidsOf(fresh.filter((pod) => isFailed(job, pod)))];
  const completedIndexes = completed(job, pods);
  const countedFailed = (job.status?.failed ?? 0) + noted.failed.length - pending(noted.failed).length;
  const countedSucceeded = isIndexed(job)
    ? completedIndexes.size
    : (job.status?.succeeded ?? 0) + noted.succeeded.length - pending(noted.succeeded).length;
  const active = pods.filter(isPodActive);
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp && !isDone(pod));
  const counters: JobStatus = {
    ...job.status,
    active: active.length || undefined,
    ready: active.filter(isPodReady).length,
    terminating: terminating.length,
    succeeded: countedSucceeded || undefined,
    failed: countedFailed || undefined,
    completedIndexes: isIndexed(job) && completedIndexes.size > 0 ? formatIndexes(completedIndexes) : undefined,
    uncountedTerminatedPods: uncounted(succeededNow, failedNow),
  };
  return {
    status: counters,
    active,
    terminating,
    succeeded: isIndexed(job) ? completedIndexes.size : countedSucceeded + succeededNow.length,
    failed: countedFailed + failedNow.length,
    completedIndexes,
    released: [...tracked.entries()]
      .filter(([uid]) => succeededNow.includes(uid) || failedNow.includes(uid))
      .map(([, pod]) => pod),
  };
}

const uncounted = (succeeded: string[], failed: string[]): JobStatus['uncountedTerminatedPods'] => ({
  ...(succeeded.length > 0 ? { succeeded } : {}),
  ...(failed.length > 0 ? { failed } : {}),
});

const isDone = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** A pod that is being deleted has failed, unless the job waits to see it end. */
function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  const waits = job.spec.podReplacementPolicy === 'Failed';
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded' && !waits;
}

function completed(job: Job, pods: Pod[]): Set<number> {
  const indexes = parseIndexes(job.status?.completedIndexes);
  if (!isIndexed(job)) return indexes;
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined && pod.status?.phase === 'Succeeded' && index < (job.spec.completions ?? 0))
      indexes.add(index);
  }
  return indexes;
}
