import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';
import { refreshTerm, selectorMatches } from '../node-selector.ts';

const verdict: Verdict = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  resolvable: false,
};

/** What nodes get that a pod rules out by naming others (`matchFields`, as DaemonSet pods do). */
const pinnedElsewhere: Verdict = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
  resolvable: false,
};

/** `nodeSelector` and required node affinity. */
export const nodeAffinityFilter: FilterMaker = (snapshot, { requirement }) => {
  const { required, pinned } = requirement;
  if (!required) return undefined;
  for (const term of required) refreshTerm(term);
  return (candidates) => {
    if (pinned) {
      const wanted = new Set([...pinned].map((name) => snapshot.slotOf(name)));
      candidates.keep((slot) => wanted.has(slot), pinnedElsewhere);
    }
    candidates.keep((slot) => selectorMatches(required, slot), verdict);
  };
};
