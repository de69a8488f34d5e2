import type { KubeObject } from '../../api/resource.ts';
import type { NetworkLayout } from '../network/layout.ts';

/** One IPv4 address or block in the networks of another cluster; every other text as it is. */
export type Translate = (text: string) => string;

/** From the networks of one cluster index to those of another: only the part that names the network differs. */
export function translation(from: NetworkLayout, to: NetworkLayout): Translate {
  const prefixes = (['serviceCIDR', 'podCIDR', 'fabricCIDR'] as const).map((name) => ({
    from: prefixOf(from[name]),
    to: prefixOf(to[name]),
  }));
  return (text) => {
    if (!/^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(text)) return text;
    const prefix = prefixes.find((candidate) => text.startsWith(candidate.from));
    return prefix ? prefix.to + text.slice(prefix.from.length) : text;
  };
}

/** `10.96.` of `10.96.0.0/16`: our blocks end at a dot. */
function prefixOf(block: string): string {
  const [address = '', bits] = block.split('/');
  const parts = address.split('.').slice(0, Number(bits) / 8);
  return `${parts.join('.')}.`;
}

/** Where objects hold addresses that the cluster has given, not a person. */
const places: Record<string, readonly string[]> = {
  services: ['spec.clusterIP', 'spec.clusterIPs'],
  'servicecidrs.networking.k8s.io': ['spec.cidrs'],
  'ipaddresses.networking.k8s.io': ['metadata.name'],
  nodes: ['spec.podCIDR', 'spec.podCIDRs', 'status.addresses'],
  pods: ['status.podIP', 'status.podIPs', 'status.hostIP', 'status.hostIPs'],
  endpoints: ['subsets'],
  'endpointslices.discovery.k8s.io': ['endpoints'],
};

export const addressedResources: readonly string[] = Object.keys(places);

/** The object with its addresses translated; undefined when it has none of these networks. */
export function readdressed(resource: string, object: KubeObject, translate: Translate): KubeObject | undefined {
  const copy = structuredClone(object);
  for (const place of places[resource] ?? []) translateAt(copy, place.split('.'), translate);
  return JSON.stringify(copy) === JSON.stringify(object) ? undefined : copy;
}

function translateAt(holder: object, [first = '', ...rest]: string[], translate: Translate): void {
  const values = holder as Record<string, unknown>;
  const value = values[first];
  if (value === undefined || value === null) return;
  if (rest.length > 0) translateAt(value, rest, translate);
  else values[first] = everywhere(value, translate);
}

function everywhere(value: unknown, translate: Translate): unknown {
  if (typeof value === 'string') return translate(value);
  if (Array.isArray(value)) return value.map((item) => everywhere(item, translate));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, everywhere(item, translate)]));
}
