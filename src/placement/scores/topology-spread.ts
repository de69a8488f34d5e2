import type { FilterRequest } from '../filters/node-filter.ts';
import {
  hasAllDomains,
  type SpreadConstraint,
  type SpreadDefaults,
  spreadConstraints,
  systemSpreadDefaults,
} from '../spread-constraints.ts';
import { hostnameKey } from '../topology.ts';
import { maxScore, type NodeScore } from './node-score.ts';

/** Nodes that are in no domain: they get nothing, and do not count for the others. */
const outside = -1;

/** `topologySpreadConstraints` that should hold: the fewer pods a node's domains have, the better. */
export const preferredSpread: NodeScore = preferredSpreadWith(systemSpreadDefaults);

export function preferredSpreadWith(defaults: SpreadDefaults): NodeScore {
  return {
    normalize: fewerIsBetter,
    prepare(request, feasible) {
      const constraints = spreadConstraints(request, 'ScheduleAnyway', defaults);
      if (constraints.length === 0) return undefined;
      const isOwn = (request.pod.spec.topologySpreadConstraints ?? []).length > 0;
      // With Kubernetes' defaults a cluster without zones is still spread over its hosts.
      const required = isOwn || !defaults.areSystems ? constraints : [];
      const inside = feasible.filter((slot) => hasAllDomains(required, slot));
      const parts = constraints.map((constraint) => partOf(request, constraint, { all: required, inside }));
      return (slot) => {
        if (!hasAllDomains(required, slot)) return outside;
        return Math.round(parts.reduce((sum, part) => sum + part(slot), 0));
      };
    },
  };
}

/** A constraint with few domains must not be drowned by one with many: each count has the weight log(domains + 2). */
function partOf(
  { snapshot }: FilterRequest,
  constraint: SpreadConstraint,
  { all, inside }: { all: readonly SpreadConstraint[]; inside: readonly number[] },
): (slot: number) => number {
  const { column, matcher, maxSkew } = constraint;
  if (column.key === hostnameKey) {
    const weight = Math.log(inside.length + 2);
    return (slot) => (column.bySlot[slot] === 0 ? 0 : (matcher.bySlot[slot] as number) * weight + (maxSkew - 1));
  }
  // A cluster without such domains: there is nothing to count.
  if (column.values.length === 1) return () => 0;
  const isInside = new Uint8Array(column.values.length);
  for (const slot of inside) isInside[column.bySlot[slot] as number] = 1;
  isInside[0] = 0;
  const weight = Math.log(isInside.reduce((sum, one) => sum + one, 0) + 2);
  const totals = new Int32Array(column.values.length);
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    const domain = column.bySlot[slot] as number;
    if (!isInside[domain] || !hasAllDomains(all, slot) || !constraint.includes(slot)) continue;
    totals[domain] = (totals[domain] as number) + (matcher.bySlot[slot] as number);
  }
  return (slot) =>
    column.bySlot[slot] === 0 ? 0 : (totals[column.bySlot[slot] as number] as number) * weight + (maxSkew - 1);
}

function fewerIsBetter(raw: Float64Array): void {
  const counted = raw.filter((value) => value !== outside);
  const highest = counted.reduce((a, b) => Math.max(a, b), 0);
  const lowest = counted.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  for (let i = 0; i < raw.length; i++) {
    const value = raw[i] as number;
    if (value === outside) raw[i] = 0;
    else raw[i] = highest === 0 ? maxScore : Math.trunc((maxScore * (highest + lowest - value)) / highest);
  }
}
