import type { EndpointSlice, Node, Service } from '../api/generated/types.ts';
import { keyOf, keyText } from '../api/resource.ts';
import { fnv1a } from '../base/hash.ts';
import { blockContains } from '../base/ipv4.ts';
import { balancerAddresses, endpointsHere, isProxied } from './frontend.ts';

/** What the node must know to answer for addresses of load balancers. */
export interface AnnouncingNode {
  name: string;
  /** The addresses that are the cluster's to give. */
  pool: string;
  /** The link that nodes share with those who look for the addresses. */
  linkCIDR: string;
}

export interface AnnouncedState {
  services: Iterable<Service>;
  slicesOf(serviceKey: string): readonly EndpointSlice[];
  nodes: readonly Node[];
}

/**
 * The addresses of load balancers that this node answers for on its link. All nodes come to the same answer by themselves:
 * one of those that are ready, of those with endpoints where traffic stays on its node. When a node comes or goes, only its own
 * addresses move.
 */
export function announcedAddresses(state: AnnouncedState, self: AnnouncingNode): Set<string> {
  const announced = new Set<string>();
  const able = state.nodes.filter((node) => isReady(node) && isOnLink(node, self.linkCIDR)).map((n) => n.metadata.name);
  for (const service of state.services) {
    if (!isProxied(service)) continue;
    for (const address of balancerAddresses(service)) {
      if (!blockContains(self.pool, address)) continue;
      const slices = state.slicesOf(keyText(keyOf(service)));
      const isLocal = service.spec.externalTrafficPolicy === 'Local';
      const willing = isLocal ? able.filter((name) => endpointsHere(slices, name) > 0) : able;
      if (chosen(willing, address) === self.name) announced.add(address);
    }
  }
  return announced;
}

/** The one with the highest hash together with the address. */
function chosen(names: readonly string[], address: string): string | undefined {
  let best: { name: string; score: number } | undefined;
  for (const name of names) {
    const score = fnv1a(`${address} ${name}`);
    if (!best || score > best.score || (score === best.score && name < best.name)) best = { name, score };
  }
  return best?.name;
}

const isReady = (node: Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

const isOnLink = (node: Node, linkCIDR: string): boolean =>
  node.status?.addresses?.some(({ type, address }) => type === 'InternalIP' && blockContains(linkCIDR, address)) ??
  false;
