import { type NodeFilter, testFor } from './node-filter.ts';

/** A pod that names its node goes there and nowhere else. */
export const nodeName: NodeFilter = {
  prepare({ snapshot, pod }) {
    if (!pod.spec.nodeName) return undefined;
    const wanted = snapshot.slotOf(pod.spec.nodeName);
    return testFor("node(s) didn't match the requested node name", (slot) => slot === wanted);
  },
};
