import { selectorTest } from '../node-selector.ts';
import { type NodeFilter, type NodeTest, testFor } from './node-filter.ts';

const mismatch = "node(s) didn't match Pod's node affinity/selector";
/** What nodes get that a pod rules out by naming others (`matchFields`, as DaemonSet pods do). */
const pinnedElsewhere = "node(s) didn't satisfy plugin(s) [NodeAffinity]";

/** `nodeSelector` and required node affinity. */
export const nodeAffinity: NodeFilter = {
  prepare({ snapshot, requirement }): NodeTest | undefined {
    const { required, pinned } = requirement;
    if (!required) return undefined;
    const passes = selectorTest(required);
    if (!pinned) return testFor(mismatch, passes);
    const isNamed = (slot: number) => pinned.has(snapshot.node(slot)?.name as string);
    return { passes, reasons: (slot) => [isNamed(slot) ? mismatch : pinnedElsewhere] };
  },
};
