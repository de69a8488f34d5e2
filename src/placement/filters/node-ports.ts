import type { Verdict } from '../candidates.ts';
import type { FilterMaker } from '../filter.ts';
import { conflicts } from '../host-ports.ts';
import type { NodeInfo } from '../node-info.ts';

const verdict: Verdict = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  resolvable: true,
};

/** A host port can be had once per node, protocol and address. */
export const nodePortsFilter: FilterMaker = (snapshot, { requirement }) => {
  const { hostPorts } = requirement;
  if (hostPorts.length === 0) return undefined;
  return (candidates) =>
    candidates.keep((slot) => {
      const used = (snapshot.node(slot) as NodeInfo).hostPorts;
      return !hostPorts.some((wanted) => used.some((port) => conflicts(wanted, port)));
    }, verdict);
};
