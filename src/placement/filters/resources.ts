import { podsColumn } from '../resource-columns.ts';
import type { NodeFilter } from './node-filter.ts';

/** Everything the pod requests must be free on the node, and there must be room for one more pod. */
export const resourcesFit: NodeFilter = {
  prepare({ snapshot, requirement }) {
    const { all } = snapshot.resources;
    const { columns, amounts } = requirement.bound;
    const pods = all[podsColumn] as (typeof all)[number];
    const isFull = (slot: number) => (pods.requested[slot] as number) + 1 > (pods.allocatable[slot] as number);
    const lacks = (slot: number, i: number) => {
      const column = all[columns[i] as number] as (typeof all)[number];
      return (column.requested[slot] as number) + (amounts[i] as number) > (column.allocatable[slot] as number);
    };
    const isTooLarge = (slot: number, i: number) =>
      (amounts[i] as number) > ((all[columns[i] as number] as (typeof all)[number]).allocatable[slot] as number);
    return {
      // A pod larger than the empty node does not fit whoever leaves.
      resolvable: (slot) => !columns.some((_, i) => isTooLarge(slot, i)),
      passes(slot) {
        if (isFull(slot)) return false;
        for (let i = 0; i < columns.length; i++) if (lacks(slot, i)) return false;
        return true;
      },
      reasons(slot) {
        const lacking = Array.from(columns, (_, i) => i).filter((i) => lacks(slot, i));
        const names = lacking.map((i) => `Insufficient ${all[columns[i] as number]?.name}`);
        return isFull(slot) ? ['Too many pods', ...names] : names;
      },
    };
  },
};
