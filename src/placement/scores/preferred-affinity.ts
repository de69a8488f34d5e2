import type { PreferredSchedulingTerm } from '../../api/generated/types.ts';
import { compilePreferred, refreshTerm, termMatches } from '../node-selector.ts';
import type { NodeScore } from './node-score.ts';

/** Sum of the weights of the preferred node affinity terms that match. */
export const preferredAffinity: NodeScore = preferredAffinityWith([]);

/** With preferences that all pods of a profile have besides their own (NodeAffinityArgs). */
export function preferredAffinityWith(added: readonly PreferredSchedulingTerm[]): NodeScore {
  return {
    local: true,
    normalize: 'higher',
    prepare({ requirement, snapshot }) {
      const preferred = [...requirement.preferred, ...compilePreferred(added, snapshot.labels)];
      if (preferred.length === 0) return undefined;
      for (const { term } of preferred) refreshTerm(term);
      return (slot) => preferred.reduce((sum, { weight, term }) => (termMatches(term, slot) ? sum + weight : sum), 0);
    },
  };
}
