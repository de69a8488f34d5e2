import type { Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/types.ts';
import { resolveShare } from '../int-or-percent.ts';
import { isPodReady } from '../pod-state.ts';
import { timeText } from '../time-text.ts';

/** How long an eviction has to become a deletion: it counts as a disruption until then. */
export const evictionTimeoutMs = 120_000;

/** How many pods there should be, as the budget sees it. */
export interface Expectation {
  /** All pods that those who manage them want. */
  scale: number;
  pods: Pod[];
}

/** Shares and losses are of what is wanted; a plain number of pods that must stay is of those that are there. */
export const needsScale = ({ spec }: PodDisruptionBudget): boolean =>
  spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';

function desiredHealthy({ spec }: PodDisruptionBudget, { scale }: Expectation): number {
  if (spec.maxUnavailable !== undefined) {
    return Math.max(0, scale - resolveShare(spec.maxUnavailable, scale, Math.ceil));
  }
  return resolveShare(spec.minAvailable ?? 1, scale, Math.ceil);
}

export interface Disrupted {
  /** Evicted and not yet seen going. */
  pending: Record<string, string>;
  /** Evicted long ago and still there. */
  overdue: Pod[];
  /** When the next pending one is overdue. */
  recheckMs: number | undefined;
}

export function disruptedPods(budget: PodDisruptionBudget, pods: Pod[], nowMs: number): Disrupted {
  const result: Disrupted = { pending: {}, overdue: [], recheckMs: undefined };
  for (const pod of pods) {
    const since = budget.status?.disruptedPods?.[pod.metadata.name];
    if (since === undefined || pod.metadata.deletionTimestamp) continue;
    const leftMs = Date.parse(since) + evictionTimeoutMs - nowMs;
    if (leftMs <= 0) {
      result.overdue.push(pod);
      continue;
    }
    result.pending[pod.metadata.name] = since;
    result.recheckMs = Math.min(leftMs, result.recheckMs ?? leftMs);
  }
  return result;
}

/** The status by the pods there are. With no pod expected nothing is allowed: the first ones come unprotected otherwise. */
export function budgetStatus(
  budget: PodDisruptionBudget,
  expected: Expectation,
  { pending, nowMs }: { pending: Record<string, string>; nowMs: number },
): PodDisruptionBudgetStatus {
  const desired = desiredHealthy(budget, expected);
  const expectedPods = needsScale(budget) ? expected.scale : expected.pods.length;
  const isHealthy = (pod: Pod) =>
    !pod.metadata.deletionTimestamp && pending[pod.metadata.name] === undefined && isPodReady(pod);
  const currentHealthy = expected.pods.filter(isHealthy).length;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desired) : 0;
  return {
    observedGeneration: budget.metadata.generation,
    ...(Object.keys(pending).length > 0 ? { disruptedPods: pending } : {}),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods,
    conditions: withAllowed(budget, { nowMs, ...reasonOf(disruptionsAllowed) }),
  };
}

const reasonOf = (allowed: number) =>
  allowed > 0
    ? { status: 'True' as const, reason: 'SufficientPods', message: '' }
    : { status: 'False' as const, reason: 'InsufficientPods', message: '' };

/** Nothing may be disrupted while the number of pods cannot be told. */
export const failedStatus = (budget: PodDisruptionBudget, why: string, nowMs: number): PodDisruptionBudgetStatus => ({
  ...budget.status,
  disruptionsAllowed: 0,
  conditions: withAllowed(budget, { status: 'False', reason: 'SyncFailed', message: why, nowMs }),
});

interface Allowed {
  status: 'True' | 'False';
  reason: string;
  message: string;
  nowMs: number;
}

function withAllowed(budget: PodDisruptionBudget, { nowMs, ...text }: Allowed): Condition[] {
  const others = budget.status?.conditions?.filter((c) => c.type !== 'DisruptionAllowed') ?? [];
  const known = budget.status?.conditions?.find((c) => c.type === 'DisruptionAllowed');
  const lastTransitionTime = known?.status === text.status ? known.lastTransitionTime : timeText(nowMs);
  const observedGeneration = budget.metadata.generation;
  return [...others, { type: 'DisruptionAllowed', ...text, observedGeneration, lastTransitionTime }];
}
