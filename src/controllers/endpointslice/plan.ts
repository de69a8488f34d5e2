import type { Endpoint, EndpointSlice } from '../../api/generated/types.ts';
import { sameJson } from '../same-json.ts';
import { type PortGroup, portsKey } from './endpoints.ts';

/** The writes that make the slices of a service (of one address family) say what its pods say. */
export interface SlicePlan {
  create: PortGroup[];
  update: { slice: EndpointSlice; endpoints: Endpoint[] }[];
  remove: EndpointSlice[];
}

const defaultMaxPerSlice = 100;

/**
 * Endpoints stay in the slice they are in; new ones fill slices with room, then make new slices. Slices left empty go,
 * but a service always keeps one.
 */
export function planSlices(
  existing: EndpointSlice[],
  groups: PortGroup[],
  isCurrent: (s: EndpointSlice) => boolean,
  maxPerSlice = defaultMaxPerSlice,
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const left = new Map(groups.map((group) => [portsKey(group.ports), group]));
  const contents = new Map<EndpointSlice, Endpoint[]>();
  const news = new Map<string, Map<string, Endpoint>>();
  for (const [key, group] of left) news.set(key, new Map(group.endpoints.map((e) => [identity(e), e])));
  for (const slice of existing) {
    const wanted = news.get(portsKey(slice.ports));
    const kept = (slice.endpoints ?? []).flatMap((e) => take(wanted, identity(e)));
    contents.set(slice, kept);
  }
  for (const [slice, kept] of contents) fill(kept, news.get(portsKey(slice.ports)), maxPerSlice);
  for (const [key, rest] of news) {
    const endpoints = [...rest.values()];
    const ports = left.get(key)?.ports ?? [];
    for (let i = 0; i < endpoints.length; i += maxPerSlice) {
      plan.create.push({ ports, endpoints: endpoints.slice(i, i + maxPerSlice) });
    }
  }
  settle(plan, contents, isCurrent);
  return plan;
}

function settle(
  plan: SlicePlan,
  contents: Map<EndpointSlice, Endpoint[]>,
  isCurrent: (s: EndpointSlice) => boolean,
): void {
  const isAnyFilled = plan.create.length > 0 || [...contents.values()].some((kept) => kept.length > 0);
  let keepsEmpty = !isAnyFilled;
  if (!isAnyFilled && contents.size === 0) plan.create.push({ ports: [], endpoints: [] });
  for (const [slice, endpoints] of contents) {
    if (endpoints.length === 0 && !keepsEmpty) {
      plan.remove.push(slice);
      continue;
    }
    if (endpoints.length === 0) keepsEmpty = false;
    if (!isCurrent(slice) || !sameJson(slice.endpoints ?? [], endpoints)) plan.update.push({ slice, endpoints });
  }
}

const identity = (e: Endpoint): string => e.targetRef?.uid ?? e.addresses.join(',');

function take(wanted: Map<string, Endpoint> | undefined, key: string): Endpoint[] {
  const endpoint = wanted?.get(key);
  wanted?.delete(key);
  return endpoint ? [endpoint] : [];
}

function fill(kept: Endpoint[], rest: Map<string, Endpoint> | undefined, maxPerSlice: number): void {
  for (const [key, endpoint] of rest ?? []) {
    if (kept.length >= maxPerSlice) return;
    kept.push(endpoint);
    rest?.delete(key);
  }
}
