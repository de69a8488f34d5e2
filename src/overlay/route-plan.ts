import type { Node } from '../api/generated/types.ts';
import { blockContains, isIPv4, parseBlock } from '../base/ipv4.ts';

/** An address of this node and the link it is on. */
export interface LinkAddress {
  device: string;
  address: string;
  prefixLength: number;
}

export interface OverlayNode {
  name: string;
  podCIDR: string;
  address: string;
}

export interface Route {
  /** The other node's pods. */
  destination: string;
  /** The other node. */
  via: string;
  device: string;
}

export interface RoutePlan {
  routes: Route[];
  /** Nodes that no route leads to, by name. */
  unreachable: string[];
}

/** How packets for other nodes' pods travel. Host gateways for now; a tunnel is another function of this type. */
export type PlanRoutes = (
  nodes: readonly OverlayNode[],
  self: { name: string; links: readonly LinkAddress[] },
) => RoutePlan;

/** A node with pods and an address, or undefined while it has not got both. */
export function overlayNodeOf(node: Node): OverlayNode | undefined {
  const podCIDR = node.spec.podCIDR;
  const address = node.status?.addresses?.find((a) => a.type === 'InternalIP' && isIPv4(a.address))?.address;
  if (!podCIDR || !address || !parseBlock(podCIDR)) return undefined;
  return { name: node.metadata.name, podCIDR, address };
}

/** Straight to the other node, which must be on a link of ours. */
export const planHostGateways: PlanRoutes = (nodes, self) => {
  const plan: RoutePlan = { routes: [], unreachable: [] };
  for (const { name, podCIDR, address } of nodes) {
    if (name === self.name) continue;
    const link = self.links.find((l) => blockContains(`${l.address}/${l.prefixLength}`, address));
    if (link) plan.routes.push({ destination: podCIDR, via: address, device: link.device });
    else plan.unreachable.push(name);
  }
  return plan;
};

/** Our routes carry this protocol number, so that those of others are never touched. */
export const routeProtocol = 107;

const isSame = (a: Route, b: Route): boolean =>
  a.destination === b.destination && a.via === b.via && a.device === b.device;

/** Lines of `ip -batch` from the routes that are there to those that should be; a gone node's route goes first. */
export function routeLines(current: readonly Route[], wanted: readonly Route[]): string[] {
  const gone = current.filter((route) => !wanted.some((w) => w.destination === route.destination));
  const changed = wanted.filter((route) => !current.some((c) => isSame(c, route)));
  return [
    ...gone.map(({ destination }) => `route del ${destination} proto ${routeProtocol}`),
    ...changed.map((r) => `route replace ${r.destination} via ${r.via} dev ${r.device} proto ${routeProtocol}`),
  ];
}
