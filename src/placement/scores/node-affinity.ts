import { normalize, type ScoreMaker } from '../filter.ts';
import { refreshTerm, termMatches } from '../node-selector.ts';

/** Adds up the weights of the preferred node affinity terms that a node meets. */
export const nodeAffinityScore: ScoreMaker = (_snapshot, { requirement }) => {
  const { preferred } = requirement;
  if (preferred.length === 0) return undefined;
  for (const { term } of preferred) refreshTerm(term);
  return (slots, count, scores) => {
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (const { weight, term } of preferred) if (termMatches(term, slots[i] as number)) sum += weight;
      scores[i] = sum;
    }
    normalize(scores, count);
  };
};
