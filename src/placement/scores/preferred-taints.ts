import type { NodeScore } from './node-score.ts';

/** Fewer PreferNoSchedule taints that the pod does not tolerate are better. */
export const preferredTaints: NodeScore = {
  normalize: 'lower',
  prepare({ snapshot, requirement }) {
    if (snapshot.counts.tainted === 0) return undefined;
    return (slot) => requirement.unwelcome(snapshot.taints[slot] as number);
  },
};
