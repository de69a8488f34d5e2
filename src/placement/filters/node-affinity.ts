import type { NodeSelector } from '../../api/generated/types.ts';
import { compileTerm, isEmptyTerm, selectorTest } from '../node-selector.ts';
import { type FilterRequest, type NodeFilter, type NodeTest, testFor } from './node-filter.ts';

const mismatch = "node(s) didn't match Pod's node affinity/selector";
const addedMismatch = "node(s) didn't match scheduler-enforced node affinity";

/** `nodeSelector` and required node affinity. */
export const nodeAffinity: NodeFilter = { local: true, prepare };

function prepare({ snapshot, requirement }: FilterRequest): NodeTest | undefined {
  const { required, pinned } = requirement;
  if (!required) return undefined;
  const test = testFor(mismatch, selectorTest(required));
  // By naming nodes (`matchFields`, as DaemonSet pods do) a pod rules out all others.
  return pinned ? { ...test, only: [...pinned].flatMap((name) => snapshot.slotOf(name) ?? []) } : test;
}

/** With an affinity that all pods of a profile have besides their own (NodeAffinityArgs). */
export function nodeAffinityWith(added: NodeSelector): NodeFilter {
  return {
    local: true,
    prepare(request) {
      const own = prepare(request);
      const terms = added.nodeSelectorTerms.filter((term) => !isEmptyTerm(term));
      const isAdded = selectorTest(terms.map((term) => compileTerm(term, request.snapshot.labels)));
      return {
        passes: (slot) => isAdded(slot) && (own?.passes(slot) ?? true),
        reasons: (slot) => [isAdded(slot) ? mismatch : addedMismatch],
        only: own?.only,
      };
    },
  };
}
