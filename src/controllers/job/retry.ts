import type { Pod } from '../../api/generated/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import { isPodTerminal, podCondition } from '../pod-state.ts';
import { isTracked } from './job-pods.ts';

/** 10 s, doubling to 10 min. */
export const retryBackoff = { baseMs: 10_000, maxMs: 600_000 };

/** How long the next pod has to wait after pods that failed in a row. Pods that the job itself took away do not count. */
export function msUntilRetry(pods: Pod[], nowMs: number): number {
  const ended = pods.filter((pod) => isPodTerminal(pod) && (isTracked(pod) || !pod.metadata.deletionTimestamp));
  ended.sort((a, b) => endMs(b) - endMs(a));
  const lastSuccess = ended.findIndex((pod) => pod.status?.phase === 'Succeeded');
  const failures = lastSuccess < 0 ? ended.length : lastSuccess;
  const last = ended[0];
  if (failures === 0 || !last) return 0;
  return Math.max(0, endMs(last) + backoffMs(failures, retryBackoff) - nowMs);
}

export function endMs(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map((s) => Date.parse(s.state?.terminated?.finishedAt ?? ''));
  const known = ends.filter((ms) => !Number.isNaN(ms));
  if (known.length > 0) return Math.max(...known);
  const { deletionTimestamp, creationTimestamp = '' } = pod.metadata;
  return Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? deletionTimestamp ?? creationTimestamp);
}
