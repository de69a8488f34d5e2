import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';

const verdict: Verdict = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  resolvable: false,
};

/** A pod that names its node goes there and nowhere else. */
export const nodeNameFilter: FilterMaker = (snapshot, { pod }) => {
  const { nodeName } = pod.spec;
  if (!nodeName) return undefined;
  const wanted = snapshot.slotOf(nodeName);
  return (candidates) => candidates.keep((slot) => slot === wanted, verdict);
};
