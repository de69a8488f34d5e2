import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';

const verdict: Verdict = {
  plugin: 'TaintToleration',
  reasons: ['node(s) had untolerated taint(s)'],
  resolvable: false,
};

/** Keeps pods off nodes with a NoSchedule or NoExecute taint they do not tolerate. */
export const taintTolerationFilter: FilterMaker = (snapshot, { requirement }) => {
  if (snapshot.counts.tainted === 0) return undefined;
  const { taints } = snapshot;
  return (candidates) => {
    const { slots } = candidates;
    let kept = 0;
    for (let i = 0; i < candidates.count; i++) {
      const slot = slots[i] as number;
      const taintSet = taints[slot] as number;
      if (taintSet === 0 || requirement.tolerated(taintSet)) slots[kept++] = slot;
      else candidates.reject(slot, verdict);
    }
    candidates.count = kept;
  };
};
