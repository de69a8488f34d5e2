import { type NodeFilter, testFor } from './node-filter.ts';

/** A cordoned node takes no pod that does not tolerate it. */
export const unschedulable: NodeFilter = {
  local: true,
  prepare({ snapshot, requirement }) {
    if (snapshot.counts.cordoned === 0 || requirement.toleratesUnschedulable) return undefined;
    return testFor('node(s) were unschedulable', (slot) => snapshot.cordoned[slot] === 0);
  },
};
