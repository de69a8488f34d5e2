import type { Pod } from '../../api/generated/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import { podCondition } from '../pod-state.ts';

const backoff = { baseMs: 10_000, maxMs: 600_000 };

/** How long the next pod has to wait after pods that failed in a row: 10 s, doubling to 10 min. */
export function msUntilRetry(pods: Pod[], nowMs: number): number {
  const ended = pods.filter((pod) => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded');
  ended.sort((a, b) => endMs(b) - endMs(a));
  const lastSuccess = ended.findIndex((pod) => pod.status?.phase === 'Succeeded');
  const failures = lastSuccess < 0 ? ended.length : lastSuccess;
  const last = ended[0];
  if (failures === 0 || !last) return 0;
  return Math.max(0, endMs(last) + backoffMs(failures, backoff) - nowMs);
}

function endMs(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map((s) => Date.parse(s.state?.terminated?.finishedAt ?? ''));
  const known = ends.filter((ms) => !Number.isNaN(ms));
  if (known.length > 0) return Math.max(...known);
  const { deletionTimestamp, creationTimestamp = '' } = pod.metadata;
  return Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? deletionTimestamp ?? creationTimestamp);
}
