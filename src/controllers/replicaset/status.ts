import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/types.ts';
import { matchesLabels } from '../label-match.ts';
import { isPodAvailable, isPodReady } from '../pod-state.ts';
import { timeText } from '../time-text.ts';

export interface StatusInput {
  set: ReplicaSet;
  /** Active ones. */
  pods: Pod[];
  terminating: number;
  nowMs: number;
  /** What went wrong while pods were made or deleted. */
  problem?: unknown;
}

export function replicaSetStatus({ set, pods, terminating, nowMs, problem }: StatusInput): ReplicaSetStatus {
  const labels = set.spec.template?.metadata?.labels ?? {};
  const minReady = set.spec.minReadySeconds ?? 0;
  const conditions = failureConditions(set, pods.length, { nowMs, problem });
  return withoutZeros({
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => matchesLabels(labels, pod.metadata.labels)).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: pods.filter((pod) => isPodAvailable(pod, minReady, nowMs)).length,
    terminatingReplicas: terminating,
    observedGeneration: set.metadata.generation,
    conditions: conditions.length > 0 ? conditions : undefined,
  });
}

/** As Go's omitempty: a zero counter is absent, except `replicas` and `terminatingReplicas`, which are always told. */
function withoutZeros(status: ReplicaSetStatus): ReplicaSetStatus {
  const always = ['replicas', 'terminatingReplicas'];
  const kept = Object.entries(status).filter(([key, v]) => v !== undefined && (v !== 0 || always.includes(key)));
  return Object.fromEntries(kept) as unknown as ReplicaSetStatus;
}

function failureConditions(
  set: ReplicaSet,
  count: number,
  { nowMs, problem }: { nowMs: number; problem?: unknown },
): ReplicaSetCondition[] {
  const old = set.status?.conditions ?? [];
  const others = old.filter((c) => c.type !== 'ReplicaFailure');
  if (!problem) return others;
  const reason = count < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
  const known = old.find((c) => c.type === 'ReplicaFailure');
  if (known?.reason === reason) return old;
  const message = problem instanceof Error ? problem.message : String(problem);
  const condition = { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timeText(nowMs), reason, message };
  return [...others, condition];
}
