import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';
import type { BoundRequests, ResourceColumn } from '../resource-columns.ts';
import { podsColumn } from '../resource-columns.ts';
import type { Snapshot } from '../snapshot.ts';

/** What a pod asks of one resource that a node does not have free. */
export interface Shortage {
  resource: string;
  requested: number;
  used: number;
  allocatable: number;
}

/** Every resource the node lacks for the pod, and by how much; empty when it fits. */
export function shortages(snapshot: Snapshot, requests: BoundRequests, slot: number): Shortage[] {
  const of = (index: number, requested: number): Shortage => {
    const column = snapshot.resources.all[index] as ResourceColumn;
    const [used, allocatable] = [column.requested[slot] as number, column.allocatable[slot] as number];
    return { resource: column.name, requested, used, allocatable };
  };
  const asked = Array.from(requests.columns, (index, i) => of(index, requests.amounts[i] as number));
  return [of(podsColumn, 1), ...asked].filter((s) => s.used + s.requested > s.allocatable);
}

/** Enough of every requested resource, and room for one more pod. */
export const nodeResourcesFitFilter: FilterMaker = (snapshot, { requirement }) => {
  const { bound } = requirement;
  const asked = Array.from(bound.columns, (index) => snapshot.resources.all[index] as ResourceColumn);
  const allocatable = asked.map((column) => column.allocatable);
  const requested = asked.map((column) => column.requested);
  const pods = snapshot.resources.all[podsColumn] as ResourceColumn;
  const verdicts = new Map<string, Verdict>();
  const explain = (slot: number) => {
    const missing = shortages(snapshot, bound, slot);
    const key = missing.map((s) => `${s.resource}${s.requested > s.allocatable}`).join();
    let verdict = verdicts.get(key);
    if (!verdict) verdicts.set(key, (verdict = verdictOf(missing)));
    return verdict;
  };
  const fits = (slot: number) => {
    if ((pods.requested[slot] as number) >= (pods.allocatable[slot] as number)) return false;
    for (let r = 0; r < allocatable.length; r++) {
      const used = requested[r]?.[slot] as number;
      if (used + (bound.amounts[r] as number) > (allocatable[r]?.[slot] as number)) return false;
    }
    return true;
  };
  return (candidates) => {
    const { slots } = candidates;
    let kept = 0;
    for (let i = 0; i < candidates.count; i++) {
      const slot = slots[i] as number;
      if (fits(slot)) slots[kept++] = slot;
      else candidates.reject(slot, explain(slot));
    }
    candidates.count = kept;
  };
};

function verdictOf(missing: readonly Shortage[]): Verdict {
  return {
    plugin: 'NodeResourcesFit',
    reasons: missing.map((s) => (s.resource === 'pods' ? 'Too many pods' : `Insufficient ${s.resource}`)),
    // A pod larger than the empty node will not fit whoever leaves.
    resolvable: missing.every((s) => s.requested <= s.allocatable),
  };
}
