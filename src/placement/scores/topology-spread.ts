import type { FilterRequest } from '../filters/node-filter.ts';
import {
  hasAllDomains,
  type SpreadConstraint,
  type SpreadDefaults,
  spreadConstraints,
  systemSpreadDefaults,
} from '../spread-constraints.ts';
import { hostnameKey } from '../topology.ts';
import { maxScore, type NodeScore, type ScoreSlot } from './node-score.ts';

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
      const inside = required.length > 0 ? feasible.filter((slot) => hasAllDomains(required, slot)) : feasible;
      const parts = constraints.flatMap((constraint) => partOf(request, constraint, { all: required, inside }) ?? []);
      const rate: ScoreSlot = (slot) => (hasAllDomains(required, slot) ? sumOf(parts, slot) : outside);
      return required.length === 0 ? asBefore(parts, rate) : rate;
    },
  };
}

/** The same function for what a slot's own pods decide, as long as the question stays the same. */
function asBefore(parts: readonly Part[], rate: ScoreSlot): ScoreSlot {
  const [part, ...more] = parts;
  if (!part?.isBySlot || more.length > 0) return rate;
  const known = askedOf.get(part.counts);
  if (known && known.weight === part.weight && known.allowed === part.allowed && known.domains === part.domains)
    return known.rate;
  askedOf.set(part.counts, { ...part, rate });
  return rate;
}

/** By the counts that it reads, the last question of a single constraint over hosts. */
const askedOf = new WeakMap<Int32Array, Part & { rate: ScoreSlot }>();

/** What a constraint counts. */
interface Part {
  readonly domains: Int32Array;
  /** By slot, where each is a domain of its own, or by domain. */
  readonly counts: Int32Array;
  readonly isBySlot: boolean;
  readonly weight: number;
  readonly allowed: number;
}

/** One loop over plain columns: it runs for every node of every pod, and boxes no number. */
function sumOf(parts: readonly Part[], slot: number): number {
  let sum = 0;
  for (const { domains, counts, isBySlot, weight, allowed } of parts) {
    const domain = domains[slot] as number;
    if (domain !== 0) sum += (counts[isBySlot ? slot : domain] as number) * weight + allowed;
  }
  return Math.round(sum) | 0;
}

/**
 * A constraint with few domains must not be drowned by one with many: each count has the weight log(domains + 2). Undefined
 * where there is nothing to count.
 */
function partOf(
  { snapshot }: FilterRequest,
  constraint: SpreadConstraint,
  { all, inside }: { all: readonly SpreadConstraint[]; inside: readonly number[] },
): Part | undefined {
  const { column, matcher, maxSkew } = constraint;
  const domains = column.bySlot;
  const allowed = maxSkew - 1;
  if (column.key === hostnameKey) {
    return { domains, counts: matcher.bySlot, isBySlot: true, weight: Math.log(inside.length + 2), allowed };
  }
  if (column.values.length === 1) return undefined;
  const isInside = new Uint8Array(column.values.length);
  for (const slot of inside) isInside[domains[slot] as number] = 1;
  isInside[0] = 0;
  const weight = Math.log(isInside.reduce((sum, one) => sum + one, 0) + 2);
  const counts = new Int32Array(column.values.length);
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    const domain = domains[slot] as number;
    if (!isInside[domain] || !hasAllDomains(all, slot) || !constraint.includes(slot)) continue;
    counts[domain] = (counts[domain] as number) + (matcher.bySlot[slot] as number);
  }
  return { domains, counts, isBySlot: false, weight, allowed };
}

function fewerIsBetter(raw: Float64Array): void {
  let highest = 0;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < raw.length; i++) {
    const value = raw[i] as number;
    if (value === outside) continue;
    if (value > highest) highest = value;
    if (value < lowest) lowest = value;
  }
  for (let i = 0; i < raw.length; i++) {
    const value = raw[i] as number;
    if (value === outside) raw[i] = 0;
    else raw[i] = highest === 0 ? maxScore : Math.trunc((maxScore * (highest + lowest - value)) / highest);
  }
}
