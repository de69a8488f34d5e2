import { byTaintSet } from '../taints.ts';
import { type NodeFilter, testFor } from './node-filter.ts';

/** NoSchedule and NoExecute taints must be tolerated. */
export const taintsTolerated: NodeFilter = {
  local: true,
  prepare({ snapshot, requirement }) {
    if (snapshot.counts.tainted === 0) return undefined;
    const { taints, taintSets } = snapshot;
    const tolerated = byTaintSet(taintSets, (id) => (requirement.tolerated(id) ? 1 : 0));
    if (!tolerated.includes(0)) return undefined;
    return testFor('node(s) had untolerated taint(s)', (slot) => tolerated[taints[slot] as number] === 1);
  },
};
