import type { Job, JobStatus, Pod } from '../../api/generated/types.ts';
import { isPodActive, isPodReady, isPodTerminal } from '../pod-state.ts';
import { isCounted, judgeFailure } from './failure-policy.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { failuresBefore, hasLimitPerIndex, indexOf, isFailed, isIndexed, isTracked } from './job-pods.ts';

/** As many are noted at once; the rest waits with its finalizers. */
const maxUncounted = 500;

/** What the pods of a job add up to. Finished pods count once, also when they are deleted in between (KEP-2307). */
export interface Tally {
  /** To be written before any finalizer is removed. */
  status: JobStatus;
  active: Pod[];
  terminating: Pod[];
  /** Including those not counted yet; of an indexed job in indexes. */
  succeeded: number;
  /** Without those that the failure policy ignores. */
  failed: number;
  succeededIndexes: ReadonlySet<number>;
  /** Those that may not be tried again (KEP-3850). */
  failedIndexes: ReadonlySet<number>;
  /** The failed pod of an index that is to be tried again: it is kept until then, as it knows how often that was. */
  toReplace: ReadonlyMap<number, Pod>;
  /** Once the status is written their finalizer may go. */
  released: Pod[];
  /** Why the failure policy ends the job. */
  fatal: string | undefined;
}

/** `isEnding`: what still runs is being deleted and counts as failed. */
export function tally(job: Job, pods: Pod[], { isEnding }: { isEnding: boolean }): Tally {
  const tracked = pods.filter(isTracked);
  const active = pods.filter(isPodActive);
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp && !isPodTerminal(pod));
  const failedPods = tracked.filter((pod) => hasFailed(job, pod, isEnding));
  const succeededPods = tracked.filter((pod) => pod.status?.phase === 'Succeeded');
  const succeededIndexes = succeededIndexesOf(job, succeededPods);
  const failedIndexes = failedIndexesOf(job, failedPods);
  const decided = new Set([...succeededIndexes, ...failedIndexes]);
  const toReplace = hasLimitPerIndex(job) && !isEnding ? replaceable(job, { failedPods, active, decided }) : new Map();
  const kept = new Set(toReplace.values());
  const books = new Books(job, tracked);
  books.note(
    'failed',
    failedPods.filter((pod) => counts(job, pod)),
    kept,
  );
  if (!isIndexed(job)) books.note('succeeded', succeededPods, kept);
  const ended = [...failedPods, ...succeededPods].filter((pod) => !kept.has(pod));
  return {
    status: {
      ...job.status,
      active: active.length || undefined,
      ready: active.filter(isPodReady).length,
      terminating: terminating.length,
      succeeded: (isIndexed(job) ? succeededIndexes.size : books.counted('succeeded')) || undefined,
      failed: books.counted('failed') || undefined,
      completedIndexes: formatIndexes(succeededIndexes) || undefined,
      failedIndexes: hasLimitPerIndex(job) ? formatIndexes(failedIndexes) : undefined,
      uncountedTerminatedPods: books.uncounted(),
    },
    active,
    terminating,
    succeeded: isIndexed(job) ? succeededIndexes.size : books.total('succeeded'),
    failed: books.total('failed') + [...kept].filter((pod) => counts(job, pod)).length,
    succeededIndexes,
    failedIndexes,
    toReplace,
    released: ended.filter((pod) => !books.isFull(pod)),
    fatal: fatalFailure(job, failedPods),
  };
}

const hasFailed = (job: Job, pod: Pod, isEnding: boolean): boolean =>
  isFailed(job, pod) || (isEnding && pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod));

const counts = (job: Job, pod: Pod): boolean =>
  (!isIndexed(job) || indexOf(job, pod) !== undefined) && isCounted(judgeFailure(job.spec.podFailurePolicy, pod));

function fatalFailure({ spec }: Job, failed: Pod[]): string | undefined {
  for (const pod of spec.podFailurePolicy ? failed : []) {
    const { action, message } = judgeFailure(spec.podFailurePolicy, pod);
    if (action === 'FailJob') return message;
  }
  return undefined;
}

function succeededIndexesOf(job: Job, succeeded: Pod[]): Set<number> {
  if (!isIndexed(job)) return new Set();
  const indexes = parseIndexes(job.status?.completedIndexes, job.spec.completions);
  for (const pod of succeeded) {
    const index = indexOf(job, pod);
    if (index !== undefined) indexes.add(index);
  }
  return indexes;
}

function failedIndexesOf(job: Job, failed: Pod[]): Set<number> {
  if (!hasLimitPerIndex(job)) return new Set();
  const indexes = parseIndexes(job.status?.failedIndexes, job.spec.completions);
  for (const pod of failed) {
    const index = indexOf(job, pod);
    if (index !== undefined && isLastTry(job, pod)) indexes.add(index);
  }
  return indexes;
}

function isLastTry({ spec }: Job, pod: Pod): boolean {
  const verdict = judgeFailure(spec.podFailurePolicy, pod);
  if (verdict.action === 'FailIndex') return true;
  return isCounted(verdict) && failuresBefore(pod).counted >= (spec.backoffLimitPerIndex ?? 0);
}

interface Candidates {
  failedPods: Pod[];
  active: Pod[];
  decided: ReadonlySet<number>;
}

/** Of each index that nothing runs for, the pod that failed last. */
function replaceable(job: Job, { failedPods, active, decided }: Candidates): Map<number, Pod> {
  const running = new Set(active.map((pod) => indexOf(job, pod)));
  const last = new Map<number, Pod>();
  for (const pod of failedPods) {
    const index = indexOf(job, pod);
    if (index === undefined || decided.has(index) || running.has(index)) continue;
    const other = last.get(index);
    if (!other || tries(other) < tries(pod)) last.set(index, pod);
  }
  return last;
}

const tries = (pod: Pod): number => failuresBefore(pod).counted + failuresBefore(pod).ignored;

type End = 'succeeded' | 'failed';

/** Pods that ended: noted by uid in the status first, then, when their finalizer is gone, counted. */
class Books {
  readonly #job: Job;
  readonly #before: Record<End, string[]>;
  readonly #tracked: Set<string>;
  readonly #noted: Record<End, string[]>;

  constructor(job: Job, tracked: Pod[]) {
    const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
    this.#job = job;
    this.#before = { succeeded, failed };
    this.#tracked = new Set(tracked.map((pod) => pod.metadata.uid ?? ''));
    const pending = (uids: string[]) => uids.filter((uid) => this.#tracked.has(uid));
    this.#noted = { succeeded: pending(succeeded), failed: pending(failed) };
  }

  note(end: End, pods: Pod[], kept: ReadonlySet<Pod>): void {
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const isKnown = this.#before.succeeded.includes(uid) || this.#before.failed.includes(uid);
      const isFull = this.#noted.succeeded.length + this.#noted.failed.length >= maxUncounted;
      if (!isKnown && !isFull && !kept.has(pod)) this.#noted[end].push(uid);
    }
  }

  /** The number for the status: all whose finalizer is gone. */
  counted(end: End): number {
    const pending = this.#before[end].filter((uid) => this.#tracked.has(uid)).length;
    return (this.#job.status?.[end] ?? 0) + this.#before[end].length - pending;
  }

  total(end: End): number {
    return this.counted(end) + this.#noted[end].length;
  }

  /** It counts, but there was no room to note it. */
  isFull(pod: Pod): boolean {
    if (this.#noted.succeeded.length + this.#noted.failed.length < maxUncounted) return false;
    const uid = pod.metadata.uid ?? '';
    return !this.#noted.succeeded.includes(uid) && !this.#noted.failed.includes(uid);
  }

  uncounted(): JobStatus['uncountedTerminatedPods'] {
    const { succeeded, failed } = this.#noted;
    return { ...(succeeded.length > 0 ? { succeeded } : {}), ...(failed.length > 0 ? { failed } : {}) };
  }
}
