import type { LabelSelector, Pod, TopologySpreadConstraint } from '../api/generated/types.ts';
import type { FilterRequest } from './filters/node-filter.ts';
import type { LabelColumn } from './label-columns.ts';
import { selectorTest } from './node-selector.ts';
import { hostnameKey } from './topology.ts';
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

/** What pods without constraints of their own get: Kubernetes' own defaults, a list, or nothing (PodTopologySpreadArgs). */
export interface SpreadDefaults {
  readonly constraints: readonly TopologySpreadConstraint[];
  /** Nodes that lack a label of these still take part. */
  readonly areSystems?: boolean;
}

export const systemSpreadDefaults: SpreadDefaults = {
  areSystems: true,
  constraints: [
    { maxSkew: 3, topologyKey: hostnameKey, whenUnsatisfiable: 'ScheduleAnyway' },
    { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
  ],
};

/** The constraints that must hold (`DoNotSchedule`) or should (`ScheduleAnyway`): the pod's, or else the defaults. */
export function spreadConstraints(
  request: FilterRequest,
  when: 'DoNotSchedule' | 'ScheduleAnyway',
  defaults: SpreadDefaults,
): SpreadConstraint[] {
  const { pod, snapshot } = request;
  const own = pod.spec.topologySpreadConstraints ?? [];
  if (own.length > 0)
    return bind(
      request,
      own.filter((c) => c.whenUnsatisfiable === when),
    );
  const offered = defaults.constraints.filter((c) => c.whenUnsatisfiable === when);
  // Which pods are alike nobody has said: those that the same Services and controllers select.
  const labelSelector = offered.length > 0 ? snapshot.selectors.of(pod) : undefined;
  return labelSelector
    ? bind(
        request,
        offered.map((c) => ({ ...c, labelSelector })),
      )
    : [];
}

function bind({ snapshot, pod, requirement }: FilterRequest, wanted: TopologySpreadConstraint[]): SpreadConstraint[] {
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
