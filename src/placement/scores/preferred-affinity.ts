import { refreshTerm, termMatches } from '../node-selector.ts';
import type { NodeScore } from './node-score.ts';

/** Sum of the weights of the preferred node affinity terms that match. */
export const preferredAffinity: NodeScore = {
  normalize: 'higher',
  prepare({ requirement }) {
    const { preferred } = requirement;
    if (preferred.length === 0) return undefined;
    for (const { term } of preferred) refreshTerm(term);
    return (slot) => preferred.reduce((sum, { weight, term }) => (termMatches(term, slot) ? sum + weight : sum), 0);
  },
};
