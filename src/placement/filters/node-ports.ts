import { conflicts } from '../host-ports.ts';
import { type NodeFilter, testFor } from './node-filter.ts';

/** A host port can be had once per node, protocol and address. */
export const nodePorts: NodeFilter = {
  local: true,
  prepare({ snapshot, requirement }) {
    const { hostPorts } = requirement;
    if (hostPorts.length === 0) return undefined;
    const test = testFor("node(s) didn't have free ports for the requested pod ports", (slot) => {
      const used = snapshot.node(slot)?.hostPorts ?? [];
      return !hostPorts.some((wanted) => used.some((port) => conflicts(wanted, port)));
    });
    return { ...test, resolvable: () => true };
  },
};
