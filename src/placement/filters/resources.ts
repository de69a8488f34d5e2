import { type BoundRequests, podsColumn } from '../resource-columns.ts';
import type { FilterRequest, NodeFilter, NodeTest } from './node-filter.ts';

/** Everything the pod requests must be free on the node, and there must be room for one more pod. */
export const resourcesFit: NodeFilter = resourcesFitWithout(() => false);

/** As `resourcesFit`, but blind for extended resources that somebody else looks after. */
export function resourcesFitWithout(isIgnored: (resource: string) => boolean): NodeFilter {
  return { local: true, prepare: (request) => fitTest(request, isIgnored) };
}

function fitTest({ snapshot, requirement }: FilterRequest, isIgnored: (resource: string) => boolean): NodeTest {
  const { all } = snapshot.resources;
  const { columns, amounts } = withoutIgnored(requirement.bound, (column) => isIgnored(all[column]?.name ?? ''));
  const pods = all[podsColumn] as (typeof all)[number];
  // Where a node has none of it, devices of that class are looked for.
  const isClaimed = Array.from(columns, (column) => snapshot.devices.classFor(all[column]?.name ?? '') !== undefined);
  const isOfDevices = (slot: number, i: number) =>
    isClaimed[i] === true && (all[columns[i] as number] as (typeof all)[number]).allocatable[slot] === 0;
  const isFull = (slot: number) => (pods.requested[slot] as number) + 1 > (pods.allocatable[slot] as number);
  const lacks = (slot: number, i: number) => {
    const column = all[columns[i] as number] as (typeof all)[number];
    return (
      (column.requested[slot] as number) + (amounts[i] as number) > (column.allocatable[slot] as number) &&
      !isOfDevices(slot, i)
    );
  };
  const isTooLarge = (slot: number, i: number) =>
    !isOfDevices(slot, i) &&
    (amounts[i] as number) > ((all[columns[i] as number] as (typeof all)[number]).allocatable[slot] as number);
  return {
    kind(slot) {
      let kind = isFull(slot) ? 1 : 0;
      for (let i = 0; i < columns.length; i++)
        kind = kind * 4 + (lacks(slot, i) ? 1 : 0) + (isTooLarge(slot, i) ? 2 : 0);
      return kind;
    },
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
}

function withoutIgnored({ columns, amounts }: BoundRequests, isIgnored: (column: number) => boolean): BoundRequests {
  if (!columns.some(isIgnored)) return { columns, amounts };
  const kept = [...columns.keys()].filter((i) => !isIgnored(columns[i] as number));
  return {
    columns: Int32Array.from(kept, (i) => columns[i] as number),
    amounts: Float64Array.from(kept, (i) => amounts[i] as number),
  };
}
