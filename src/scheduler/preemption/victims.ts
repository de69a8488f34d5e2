import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import type { PlacedPod } from '../../placement/node-info.ts';
import type { Evaluation } from '../evaluation.ts';

/** A node that would take the pod if `victims` left it. */
export interface Candidate {
  readonly slot: number;
  /** The most important first. */
  readonly victims: readonly Pod[];
  readonly harm: Harm;
}

/** What is compared of candidates. */
export interface Harm {
  /**
   * The smaller the better, the first that differs decides: victims that a disruption budget would rather keep, the
   * highest priority, the sum of all, how many.
   */
  readonly numbers: readonly number[];
  /** Of the most important victims; the later the better. */
  readonly earliestStart: string;
}

/** More than any priority may be negative, so that one victim more always counts. */
const perVictim = 2 ** 31;

function harmOf(victims: readonly Pod[], violations: number): Harm {
  const highest = victims[0] ? priorityOf(victims[0]) : Number.NEGATIVE_INFINITY;
  const sum = victims.reduce((total, victim) => total + priorityOf(victim) + perVictim, 0);
  const starts = victims.filter((victim) => priorityOf(victim) === highest).map((victim) => startOf(victim));
  const earliestStart = starts.reduce((a, b) => (a < b ? a : b), '9999');
  return { numbers: [violations, highest, sum, victims.length], earliestStart };
}

export const priorityOf = ({ spec }: Pod): number => spec.priority ?? 0;

/** The more important pod first, then the one that runs for longer. */
function byImportance(a: Pod, b: Pod): number {
  const first = startOf(a);
  const second = startOf(b);
  return priorityOf(b) - priorityOf(a) || (first < second ? -1 : first > second ? 1 : 0);
}

/** RFC 3339 in UTC sorts as text; a pod that has not started is the youngest. */
const startOf = ({ status }: Pod): string => status?.startTime ?? '9999';

/** Why a node is no candidate, in Kubernetes' words. */
export type NoCandidate = readonly string[];

export const noVictims: NoCandidate = ['No preemption victims found for incoming pod'];

/**
 * Whom the pod would have to send away from a node: all that are less important leave, and as many as can stay come back,
 * first those whose budget is used up, then the more important ones. Leaves the snapshot as it was.
 */
export function victimsOn(
  evaluation: Evaluation,
  slot: number,
  budgets: readonly PodDisruptionBudget[],
): Candidate | NoCandidate {
  const { snapshot, pod } = evaluation.request;
  const info = snapshot.node(slot);
  const lower = [...(info?.pods.values() ?? [])].filter((placed) => priorityOf(placed.pod) < priorityOf(pod));
  if (!info || lower.length === 0) return noVictims;
  return snapshot.tentatively(() => {
    for (const { uid } of lower) snapshot.removePod(uid);
    const failed = evaluation.failedNow(slot);
    const result = failed ? failed.test.reasons(slot) : reprieve(evaluation, { slot, name: info.name, lower, budgets });
    for (const placed of lower) snapshot.addPod(placed.pod, info.name);
    return result;
  });
}

function reprieve(
  evaluation: Evaluation,
  at: { slot: number; name: string; lower: PlacedPod[]; budgets: readonly PodDisruptionBudget[] },
): Candidate {
  const { slot, name } = at;
  const { snapshot } = evaluation.request;
  const victims: Pod[] = [];
  const cannotStay = (pod: Pod): boolean => {
    snapshot.addPod(pod, name);
    if (!evaluation.failedNow(slot)) return false;
    snapshot.removePod(pod.metadata.uid as string);
    victims.push(pod);
    return true;
  };
  const sorted = at.lower.map((placed) => placed.pod).sort(byImportance);
  const { violating, others } = byBudget(sorted, at.budgets);
  const violations = violating.filter(cannotStay).length;
  others.forEach(cannotStay);
  victims.sort(byImportance);
  return { slot, victims, harm: harmOf(victims, violations) };
}

/** Pods whose leaving would go beyond what a budget of theirs still allows, given those before them. */
function byBudget(
  pods: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
): Record<'violating' | 'others', Pod[]> {
  const allowed = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0);
  const split: Record<'violating' | 'others', Pod[]> = { violating: [], others: [] };
  for (const pod of pods) {
    let isViolating = false;
    budgets.forEach((budget, i) => {
      if (!protects(budget, pod)) return;
      allowed[i] = (allowed[i] as number) - 1;
      if ((allowed[i] as number) < 0) isViolating = true;
    });
    split[isViolating ? 'violating' : 'others'].push(pod);
  }
  return split;
}

/** An empty selector is nobody's here, and who is on the way out by that budget already is not counted again. */
function protects({ metadata, spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace) return false;
  const selector = spec?.selector;
  const isEmpty = !selector?.matchExpressions?.length && Object.keys(selector?.matchLabels ?? {}).length === 0;
  if (isEmpty || !matchesLabelSelector(selector, pod.metadata.labels ?? {})) return false;
  return status?.disruptedPods?.[pod.metadata.name] === undefined;
}
