import type { LabelColumn } from './label-columns.ts';
import type { Snapshot } from './snapshot.ts';

/** Sums of counts over the nodes of each domain (value id of the topology's label); nodes without the label are in none. */
export function tally(
  snapshot: Snapshot,
  column: LabelColumn,
  bySlot: Int32Array,
  isCounted?: (slot: number) => boolean,
): Int32Array {
  const totals = new Int32Array(column.values.length);
  const { slots, size } = snapshot;
  for (let i = 0; i < size; i++) {
    const slot = slots[i] as number;
    const domain = column.bySlot[slot] as number;
    const count = bySlot[slot] as number;
    if (domain === 0 || count === 0 || (isCounted && !isCounted(slot))) continue;
    totals[domain] = (totals[domain] as number) + count;
  }
  return totals;
}

export const hostnameKey = 'kubernetes.io/hostname';
