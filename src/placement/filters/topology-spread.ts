import {
  hasAllDomains,
  type SpreadConstraint,
  type SpreadDefaults,
  spreadConstraints,
  systemSpreadDefaults,
} from '../spread-constraints.ts';
import type { Snapshot } from '../snapshot.ts';
import type { FilterRequest, NodeFilter, NodeTest } from './node-filter.ts';

const mismatch = "node(s) didn't match pod topology spread constraints";
const missing = `${mismatch} (missing required label)`;

interface Skew {
  constraint: SpreadConstraint;
  /** Pods by domain; -1 where no node that counts is in the domain. */
  totals: Int32Array;
  fewest: number;
}

/** `topologySpreadConstraints` that must hold: no domain may be too far ahead of the emptiest. */
export const topologySpread: NodeFilter = topologySpreadWith(systemSpreadDefaults);

export function topologySpreadWith(defaults: SpreadDefaults): NodeFilter {
  return { prepare };

  function prepare(request: FilterRequest): NodeTest | undefined {
    const constraints = spreadConstraints(request, 'DoNotSchedule', defaults);
    if (constraints.length === 0) return undefined;
    const skews = constraints.map((constraint) => skewOf(request.snapshot, constraint, constraints));
    const fits = (slot: number) =>
      skews.every(({ constraint, totals, fewest }) => {
        const { column, selfMatch, maxSkew } = constraint;
        const there = Math.max(totals[column.bySlot[slot] as number] as number, 0);
        return there + selfMatch - fewest <= maxSkew;
      });
    return {
      passes: (slot) => hasAllDomains(constraints, slot) && fits(slot),
      reasons: (slot) => [hasAllDomains(constraints, slot) ? mismatch : missing],
      resolvable: (slot) => hasAllDomains(constraints, slot),
    };
  }
}

function skewOf(snapshot: Snapshot, constraint: SpreadConstraint, all: readonly SpreadConstraint[]): Skew {
  const { column, matcher, minDomains } = constraint;
  const totals = new Int32Array(column.values.length).fill(-1);
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    if (!hasAllDomains(all, slot) || !constraint.includes(slot)) continue;
    const domain = column.bySlot[slot] as number;
    totals[domain] = Math.max(totals[domain] as number, 0) + (matcher.bySlot[slot] as number);
  }
  const known = totals.filter((count) => count >= 0);
  // Too few domains: one that is not there yet counts as empty.
  const fewest = known.length < minDomains || known.length === 0 ? 0 : known.reduce((a, b) => Math.min(a, b));
  return { constraint, totals, fewest };
}
