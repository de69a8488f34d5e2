import type { LabelSelector, Pod, TopologySpreadConstraint } from '../api/generated/types.ts';
import type { FilterRequest } from './filters/node-filter.ts';
import type { LabelColumn } from './label-columns.ts';
import { selectorTest } from './node-selector.ts';
import type { PodMatcher } from './pod-matchers.ts';

/** A topology spread constraint of one pod, bound to a snapshot. */
export interface SpreadConstraint {
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly column: LabelColumn;
  readonly matcher: PodMatcher;
  /** The pod itself will be counted. */
  readonly selfMatch: 0 | 1;
  /** Nodes whose pods count: the pod's own affinity and, if asked, taints decide (KEP-3094). */
  includes(slot: number): boolean;
}

/** The constraints that must hold (`DoNotSchedule`) or should (`ScheduleAnyway`). */
export function spreadConstraints(
  { snapshot, pod, requirement }: FilterRequest,
  when: 'DoNotSchedule' | 'ScheduleAnyway',
): SpreadConstraint[] {
  const wanted = (pod.spec.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === when);
  if (wanted.length === 0) return [];
  const suits = requirement.required ? selectorTest(requirement.required) : () => true;
  const isTolerated = (slot: number) => requirement.tolerated(snapshot.taints[slot] as number);
  return wanted.map((constraint) => {
    const { maxSkew, minDomains = 1, topologyKey, nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
    const namespace = pod.metadata.namespace ?? '';
    const selector = selectorOf(constraint, pod);
    const matcher = snapshot.matchers.of([{ namespaces: [namespace], selector, living: true }]);
    const selfMatch = matcher.selects({ namespace, labels: pod.metadata.labels ?? {} }) ? 1 : 0;
    const honorsAffinity = nodeAffinityPolicy !== 'Ignore';
    const honorsTaints = nodeTaintsPolicy === 'Honor';
    return {
      maxSkew,
      minDomains,
      column: snapshot.labels.column(topologyKey),
      matcher,
      selfMatch,
      includes: (slot) => (!honorsAffinity || suits(slot)) && (!honorsTaints || isTolerated(slot)),
    };
  });
}

/** `matchLabelKeys` (KEP-3243): only pods that are like this one in these labels. */
function selectorOf(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  pod: Pod,
): LabelSelector | undefined {
  const labels = pod.metadata.labels ?? {};
  const alike = matchLabelKeys.filter((key) => labels[key] !== undefined);
  if (!labelSelector || alike.length === 0) return labelSelector;
  const more = alike.map((key) => ({ key, operator: 'In', values: [labels[key] as string] }));
  return { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...more] };
}

/** The node is in a domain of every constraint; others take no part in the count. */
export const hasAllDomains = (constraints: readonly SpreadConstraint[], slot: number): boolean =>
  constraints.every(({ column }) => column.bySlot[slot] !== 0);
