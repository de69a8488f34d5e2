import type { Job, Pod } from '../../api/generated/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import { rankForDeletion } from '../deletion-rank.ts';
import { failuresAfter, hasLimitPerIndex, indexOf, isIndexed, replacesOnlyFailed } from './job-pods.ts';
import { endMs, msUntilRetry, retryBackoff } from './retry.ts';
import type { Tally } from './tally.ts';

/** Creations and deletions per look at one Job at most; the rest follows in the next. */
const burst = 500;

export interface PodWish {
  index?: number;
  /** The failed pod whose place it takes. */
  replaced?: Pod;
}

/** Which pods a running job wants more or less. */
export interface Demand {
  create: PodWish[];
  delete: Pod[];
  /** When the clock lets failed ones be tried again. */
  retryMs?: number;
}

export function demandOf(job: Job, t: Tally, { pods, nowMs }: { pods: Pod[]; nowMs: number }): Demand {
  if (job.metadata.deletionTimestamp) return { create: [], delete: [] };
  if (job.spec.suspend) return { create: [], delete: t.active.slice(0, burst) };
  const wanted = wantedActive(job, t);
  const surplus = surplusPods(job, t, { wanted, nowMs });
  if (surplus.length > 0) return { create: [], delete: surplus.slice(0, burst) };
  const waiting = replacesOnlyFailed(job) ? t.terminating.length : 0;
  const count = Math.min(wanted - waiting - t.active.length, burst);
  if (count <= 0) return { create: [], delete: [] };
  if (hasLimitPerIndex(job)) return perIndex(job, t, { count, nowMs });
  const retryMs = msUntilRetry(pods, nowMs);
  if (retryMs > 0) return { create: [], delete: [], retryMs };
  const create = isIndexed(job)
    ? pendingIndexes(job, t, count).map((index) => ({ index }))
    : Array.from({ length: count }, () => ({}));
  return { create, delete: [] };
}

function wantedActive({ spec }: Job, t: Tally): number {
  const parallelism = spec.parallelism ?? 1;
  // Without a number of completions the first success ends the creating; the rest may finish.
  if (spec.completions === undefined) return t.succeeded > 0 ? Math.min(t.active.length, parallelism) : parallelism;
  return Math.min(Math.max(0, spec.completions - t.succeeded), parallelism);
}

/** Pods of indexes that the job no longer has or has twice go in any case, the others in the order they are missed least. */
function surplusPods(job: Job, t: Tally, { wanted, nowMs }: { wanted: number; nowMs: number }): Pod[] {
  const ranked = rankForDeletion(t.active, t.active, nowMs);
  const surplus: Pod[] = [];
  if (isIndexed(job)) {
    const seen = new Set<number>();
    // The best one of an index stays.
    for (const pod of ranked.toReversed()) {
      const index = indexOf(job, pod);
      if (index === undefined || seen.has(index)) surplus.push(pod);
      else seen.add(index);
    }
  }
  const chosen = new Set(surplus);
  const more = t.active.length - surplus.length - wanted;
  return [...surplus, ...ranked.filter((pod) => !chosen.has(pod)).slice(0, Math.max(0, more))];
}

function pendingIndexes(job: Job, t: Tally, count: number): number[] {
  const holders = replacesOnlyFailed(job) ? [...t.active, ...t.terminating] : t.active;
  const held = new Set(holders.map((pod) => indexOf(job, pod)));
  const pending: number[] = [];
  for (let i = 0; i < (job.spec.completions ?? 0) && pending.length < count; i++) {
    if (!held.has(i) && !t.succeededIndexes.has(i) && !t.failedIndexes.has(i)) pending.push(i);
  }
  return pending;
}

/** Each index waits on its own after a failure of its own. */
function perIndex(job: Job, t: Tally, { count, nowMs }: { count: number; nowMs: number }): Demand {
  const create: PodWish[] = [];
  let retryMs: number | undefined;
  for (const index of pendingIndexes(job, t, count)) {
    const replaced = t.toReplace.get(index);
    const leftMs = replaced ? msUntilIndexRetry(job, replaced, nowMs) : 0;
    if (leftMs > 0) retryMs = Math.min(leftMs, retryMs ?? leftMs);
    else create.push({ index, replaced });
  }
  return { create, delete: [], retryMs };
}

function msUntilIndexRetry(job: Job, failed: Pod, nowMs: number): number {
  const { counted, ignored } = failuresAfter(job, failed);
  return Math.max(0, endMs(failed) + backoffMs(counted + ignored, retryBackoff) - nowMs);
}
