import type { Pod } from '../api/generated/types.ts';
import { isPodReady, podCondition } from './pod-state.ts';

/**
 * The pods in the order in which they are missed least: without a node, pending, not ready, cheap by annotation, on the
 * node with most of their kind, ready for a short time (in powers of two), restarted often, young.
 * Source: KEP-2255 (pod-deletion-cost), KEP-2185 (logarithmic ages).
 */
export function rankForDeletion(pods: Pod[], related: Pod[], nowMs: number): Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) {
    if (spec?.nodeName) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
  }
  const ranks = new Map(pods.map((pod) => [pod, rankOf(pod, perNode, nowMs)]));
  return [...pods].sort((a, b) => compare(ranks.get(a) ?? [], ranks.get(b) ?? []));
}

const phases: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/** Smaller goes first, member by member. */
function rankOf(pod: Pod, perNode: Map<string, number>, nowMs: number): (number | string)[] {
  const nodeName = pod.spec?.nodeName;
  const ready = isPodReady(pod);
  return [
    nodeName ? 1 : 0,
    phases[pod.status?.phase ?? ''] ?? 0,
    ready ? 1 : 0,
    Number.parseInt(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0', 10) || 0,
    nodeName ? -(perNode.get(nodeName) ?? 0) : 0,
    ready ? ageRank(podCondition(pod, 'Ready')?.lastTransitionTime, nowMs) : 0,
    -Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount ?? 0)),
    ageRank(pod.metadata.creationTimestamp, nowMs),
    pod.metadata.uid ?? '',
  ];
}

function ageRank(since: string | undefined, nowMs: number): number {
  if (!since) return -1;
  return Math.floor(Math.log2(Math.max(1, nowMs - Date.parse(since))));
}

function compare(a: (number | string)[], b: (number | string)[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i] as number | string;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
