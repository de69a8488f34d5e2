import { parseBlock } from '../base/ipv4.ts';

/** What VXLAN puts around every packet, over IPv4 (RFC 7348, section 5; bytes). */
export const tunnelOverhead = 50;

/** Registered for VXLAN is 4789; this is Linux' own and flannel's. */
const port = 8472;

/** The end of a tunnel at one node; both name and number of it are the same in the whole cluster. */
export interface TunnelEnd {
  device: string;
  /** VXLAN network identifier. */
  id: number;
  /** Of this node, on the network that carries the tunnel. */
  local: string;
}

/** The tunnel of a node, with all that it leads to. */
export interface Tunnel extends TunnelEnd {
  mac: string;
  /** The first address of this node's pods: nobody else's. */
  gateway: string;
  mtu: number;
  peers: { mac: string; gateway: string; address: string }[];
}

/** Two clusters on one network have different pod blocks, and so different tunnels. */
export function tunnelId(clusterBlock: string): number {
  return (parseBlock(clusterBlock)?.first ?? 0) >>> 8;
}

/** A node's end is known by its pods' block, so that nobody has to ask: `10.244.3.0/24` is 0a:58:0a:f4:03:00. */
export function tunnelAddress(podCIDR: string): { mac: string; gateway: string } {
  const [gateway = ''] = podCIDR.split('/');
  const bytes = gateway.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return { mac: ['0a', '58', ...bytes].join(':'), gateway };
}

/** An end that is there. */
export interface PresentEnd extends TunnelEnd {
  /** Of the outer UDP packets, which is not as we make them any more. */
  hasChecksum?: boolean | undefined;
}

/**
 * Lines of `ip -batch` that make the tunnel, or take it away where it leads nowhere. Without a checksum around the packet
 * (RFC 7348, section 4.3: zero): one whose sum is left to the network card and whose outer address is translated on the way,
 * as that of a node in a namespace is, would arrive with a wrong one.
 */
export function tunnelLines(
  current: PresentEnd | undefined,
  { device, wanted }: { device: string; wanted: Tunnel | undefined },
): string[] {
  const isSame =
    current && wanted && current.id === wanted.id && current.local === wanted.local && !current.hasChecksum;
  const remove = current && !isSame ? [`link del ${device}`] : [];
  if (!wanted) return remove;
  const { mac, id, local, mtu, gateway, peers } = wanted;
  const add = `link add ${device} address ${mac} type vxlan id ${id} local ${local} dstport ${port} nolearning noudpcsum`;
  return [
    ...remove,
    ...(isSame ? [] : [add]),
    `link set ${device} mtu ${mtu} up`,
    `addr replace ${gateway}/32 dev ${device}`,
    ...peers.map((peer) => `neigh replace ${peer.gateway} lladdr ${peer.mac} dev ${device} nud permanent`),
  ];
}

/** Lines of `bridge -batch`: which machine has which end. */
export const forwardingLines = ({ device, peers }: Tunnel): string[] =>
  peers.map(({ mac, address }) => `fdb replace ${mac} dev ${device} dst ${address} self permanent`);
