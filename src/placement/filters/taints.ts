import { untolerated } from '../taints.ts';
import type { NodeFilter } from './node-filter.ts';

/** NoSchedule and NoExecute taints must be tolerated. */
export const taintsTolerated: NodeFilter = {
  prepare({ snapshot, requirement }) {
    if (snapshot.counts.tainted === 0) return undefined;
    return {
      passes: (slot) => requirement.tolerated(snapshot.taints[slot] as number),
      reasons(slot) {
        const set = snapshot.taintSets.all[snapshot.taints[slot] as number];
        const taint = set && untolerated(set, requirement.tolerations);
        return [`node(s) had untolerated taint {${taint?.key}: ${taint?.value ?? ''}}`];
      },
    };
  },
};
