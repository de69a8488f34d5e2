import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';

const verdict: Verdict = {
  plugin: 'NodeUnschedulable',
  reasons: ['node(s) were unschedulable'],
  resolvable: false,
};

/** Keeps pods off cordoned nodes (`spec.unschedulable`). */
export const nodeUnschedulableFilter: FilterMaker = (snapshot, { requirement }) => {
  if (snapshot.counts.cordoned === 0 || requirement.toleratesUnschedulable) return undefined;
  const { cordoned } = snapshot;
  return (candidates) => candidates.keep((slot) => cordoned[slot] === 0, verdict);
};
