import type { Endpoint, EndpointAddress, EndpointSubset, Endpoints } from '../../api/generated/types.ts';
import { isIPv4 } from '../../base/ipv4.ts';
import { type AddressFamily, type PortGroup, portsKey } from './endpoints.ts';

/** Addresses of a subset that are mirrored. */
export const maxMirrored = 1000;

export interface Mirrored {
  byFamily: Map<AddressFamily, PortGroup[]>;
  /** Texts that are no addresses. */
  invalid: string[];
  /** How many were left out for being too many. */
  left: number;
}

/** An Endpoints object as the endpoints of slices. */
export function mirrorGroups({ subsets }: Endpoints): Mirrored {
  const result: Mirrored = { byFamily: new Map(), invalid: [], left: 0 };
  for (const subset of subsets ?? []) addSubset(result, subset);
  return result;
}

function addSubset(result: Mirrored, { addresses = [], notReadyAddresses = [], ports }: EndpointSubset): void {
  const all = [
    ...addresses.map((address) => ({ address, ready: true })),
    ...notReadyAddresses.map((address) => ({ address, ready: false })),
  ];
  result.left += Math.max(0, all.length - maxMirrored);
  for (const { address, ready } of all.slice(0, maxMirrored)) {
    const family = familyOf(address.ip ?? '');
    if (!family) {
      result.invalid.push(address.ip ?? '');
      continue;
    }
    const groups = result.byFamily.get(family) ?? [];
    result.byFamily.set(family, groups);
    const named = (ports ?? []).map((port) => ({ name: '', protocol: 'TCP' as const, ...port }));
    let group = groups.find((g) => portsKey(g.ports) === portsKey(named));
    if (!group) {
      group = { ports: named, endpoints: [] };
      groups.push(group);
    }
    group.endpoints.push(endpointOf(address, ready));
  }
}

function familyOf(ip: string): AddressFamily | undefined {
  if (isIPv4(ip)) return 'IPv4';
  return /^[0-9a-f:]+(:\d+\.\d+\.\d+\.\d+)?$/i.test(ip) && ip.includes(':') ? 'IPv6' : undefined;
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip ?? ''],
  conditions: { ready },
  ...(hostname ? { hostname } : {}),
  ...(targetRef ? { targetRef } : {}),
  ...(nodeName ? { nodeName } : {}),
});
