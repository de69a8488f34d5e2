import type { Node } from '../api/generated/types.ts';
import { blockContains, isIPv4, parseBlock } from '../base/ipv4.ts';
import { type Tunnel, tunnelAddress, tunnelOverhead } from './tunnel-plan.ts';

/** An address of this node and the link it is on. */
export interface LinkAddress {
  device: string;
  address: string;
  prefixLength: number;
  /** The largest packet that the link takes, bytes. */
  mtu: number;
}

export interface OverlayNode {
  name: string;
  podCIDR: string;
  address: string;
}

export interface Route {
  /** The other node's pods. */
  destination: string;
  /** The other node, or its end of the tunnel. */
  via: string;
  device: string;
}

/** How packets for other nodes' pods travel. */
export interface RoutePlan {
  routes: Route[];
  /** Absent where all nodes share links. */
  tunnel?: Tunnel;
  /** The largest packet that reaches every other pod whole. */
  mtu: number;
}

/** This node, and what it is told of the cluster. */
export interface Self {
  name: string;
  links: readonly LinkAddress[];
  tunnel: { device: string; id: number };
  /** The nodes of the server's machine, and an address of that machine: their way for machines on its link. */
  serverMachine?: { block: string; address: string };
}

const defaultMtu = 1500;

/** A node with pods and an address, or undefined while it has not got both. */
export function overlayNodeOf(node: Node): OverlayNode | undefined {
  const podCIDR = node.spec.podCIDR;
  const address = node.status?.addresses?.find((a) => a.type === 'InternalIP' && isIPv4(a.address))?.address;
  if (!podCIDR || !address || !parseBlock(podCIDR)) return undefined;
  return { name: node.metadata.name, podCIDR, address };
}

/** Straight to a node on a link of ours, through a tunnel to all others. */
export function planRoutes(nodes: readonly OverlayNode[], self: Self): RoutePlan {
  const own = nodes.find(({ name }) => name === self.name);
  const linkTo = (address: string) =>
    self.links.find((link) => blockContains(`${link.address}/${link.prefixLength}`, address));
  const mtu = (own && linkTo(own.address)?.mtu) ?? defaultMtu;
  const plan: RoutePlan = { routes: [], mtu };
  const far: OverlayNode[] = [];
  for (const node of nodes) {
    if (node.name === self.name) continue;
    const link = linkTo(node.address);
    if (link) plan.routes.push({ destination: node.podCIDR, via: node.address, device: link.device });
    else far.push(node);
  }
  if (!own || far.length === 0) return plan;
  const peers = far.map(({ podCIDR, address }) => ({ ...tunnelAddress(podCIDR), address }));
  plan.mtu = mtu - tunnelOverhead;
  plan.tunnel = { ...self.tunnel, local: own.address, ...tunnelAddress(own.podCIDR), mtu: plan.mtu, peers };
  plan.routes.push(...wayToServerMachine(far, self, linkTo));
  for (const [i, { podCIDR }] of far.entries()) {
    plan.routes.push({ destination: podCIDR, via: peers[i]?.gateway ?? '', device: self.tunnel.device });
  }
  return plan;
}

/** Its nodes are on a network inside of it, which the machine's neighbours reach through it. Others have routers that know. */
function wayToServerMachine(
  far: readonly OverlayNode[],
  { serverMachine }: Self,
  linkTo: (address: string) => LinkAddress | undefined,
): Route[] {
  const link = serverMachine && linkTo(serverMachine.address);
  if (!link || !far.some(({ address }) => blockContains(serverMachine.block, address))) return [];
  return [{ destination: serverMachine.block, via: serverMachine.address, device: link.device }];
}

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
    // The end of a tunnel is in no block of an address of ours: onlink.
    ...changed.map((r) => `route replace ${r.destination} via ${r.via} dev ${r.device} onlink proto ${routeProtocol}`),
  ];
}
