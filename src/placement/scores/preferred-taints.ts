import { byTaintSet } from '../taints.ts';
import type { NodeScore } from './node-score.ts';

/** Fewer PreferNoSchedule taints that the pod does not tolerate are better. */
export const preferredTaints: NodeScore = {
  local: true,
  normalize: 'lower',
  prepare({ snapshot, requirement }) {
    if (snapshot.counts.tainted === 0) return undefined;
    const { taints, taintSets } = snapshot;
    const unwelcome = byTaintSet(taintSets, (id) => requirement.unwelcome(id));
    if (unwelcome.every((count) => count === 0)) return undefined;
    return (slot) => unwelcome[taints[slot] as number] as number;
  },
};
