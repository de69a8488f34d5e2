import type { Service } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { formatIPv4, type IPv4Block, isIPv4, parseIPv4 } from '../../base/ipv4.ts';

/** What a service of type LoadBalancer gets: an address, or why not. */
export type Assignment = { address: string } | { refusal: string };

/** MetalLB's way of asking for an address, which charts use; `spec.loadBalancerIP` is the API's own, out of fashion. */
const requestAnnotations = ['metallb.io/loadBalancerIPs', 'metallb.universe.tf/loadBalancerIPs'];

/** Whether the pool serves it: services of a class are those of whoever implements the class. */
export const isPooled = ({ metadata, spec }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined && metadata.deletionTimestamp === undefined;

/** The address that a service has in its status, if it is one of the pool's. */
export const heldAddress = ({ status }: Service, pool: IPv4Block): string | undefined =>
  status?.loadBalancer?.ingress?.map(({ ip }) => ip ?? '').find((ip) => isInPool(pool, ip));

/** First and last address of a block are not used: they mean the block and everybody in it. */
function isInPool({ first, size }: IPv4Block, address: string): boolean {
  const value = parseIPv4(address) ?? Number.NaN;
  return value > first && value < first + size - 1;
}

function requestedAddress({ metadata, spec }: Service): string | undefined {
  const annotation = requestAnnotations.map((name) => metadata.annotations?.[name]).find((text) => text);
  // Of several families the IPv4 one.
  const asked = annotation?.split(',').map((text) => text.trim()) ?? [];
  return spec.loadBalancerIP || asked.find(isIPv4) || asked[0];
}

/**
 * Gives every pooled service an address, each to one. Who has what he asked for keeps it; who asks for another, or shares one
 * with an older service, gets anew. Older ones choose first.
 */
export function planAddresses(services: readonly Service[], pool: IPv4Block): Map<string, Assignment> {
  const plan = new Map<string, Assignment>();
  const taken = new Map<string, string>();
  const give = (key: string, address: string) => {
    plan.set(key, { address });
    taken.set(address, key);
  };
  const oldestFirst = services.filter(isPooled).sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
  for (const service of oldestFirst) {
    const held = heldAddress(service, pool);
    const wanted = requestedAddress(service);
    if (held && !taken.has(held) && (!wanted || wanted === held)) give(keyText(keyOf(service)), held);
  }
  const rest = oldestFirst.filter((service) => !plan.has(keyText(keyOf(service))));
  for (const service of rest) {
    const key = keyText(keyOf(service));
    const wanted = requestedAddress(service);
    if (!wanted) continue;
    const holder = taken.get(wanted);
    if (!isInPool(pool, wanted)) plan.set(key, { refusal: `${wanted} is not an address of the pool` });
    else if (holder) plan.set(key, { refusal: `${wanted} is the address of ${holder}` });
    else give(key, wanted);
  }
  let next = pool.first + 1;
  for (const service of rest) {
    const key = keyText(keyOf(service));
    if (plan.has(key)) continue;
    while (taken.has(formatIPv4(next))) next++;
    if (next < pool.first + pool.size - 1) give(key, formatIPv4(next));
    else plan.set(key, { refusal: 'no address of the pool is free' });
  }
  return plan;
}

const ageOf = ({ metadata }: Service): string => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
