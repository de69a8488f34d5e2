import { normalize, type ScoreMaker } from '../filter.ts';

/** Prefers nodes with fewer PreferNoSchedule taints that the pod does not tolerate. */
export const taintTolerationScore: ScoreMaker = (snapshot, { requirement }) => {
  if (snapshot.counts.tainted === 0) return undefined;
  const { taints } = snapshot;
  return (slots, count, scores) => {
    for (let i = 0; i < count; i++) scores[i] = requirement.unwelcome(taints[slots[i] as number] as number);
    normalize(scores, count, true);
  };
};
