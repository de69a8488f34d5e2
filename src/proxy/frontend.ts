import type { EndpointHints, EndpointSlice, Service, ServicePort } from '../api/generated/types.ts';
import { blockContains, formatBlock, formatIPv4, isIPv4, parseBlock } from '../base/ipv4.ts';

/** What the proxy must know of the node it runs on. */
export interface ProxyNode {
  name: string;
  /** The zone it is in, where nodes have zones. */
  zone?: string | undefined;
  /** Where NodePorts are reachable. */
  addresses: readonly string[];
  /** All pods of the cluster. */
  podCIDR: string;
  /** All ClusterIPs of the cluster. */
  serviceCIDR?: string;
  /** Service addresses that a program of this node answers itself (cluster DNS): the proxy keeps its hands off them. */
  ownAddresses?: readonly string[];
}

export interface ProxyEndpoint {
  address: string;
  port: number;
  local: boolean;
}

/** An address and port under which a service is reached, and who answers there. */
export interface Frontend {
  address: string;
  protocol: string;
  port: number;
  endpoints: readonly ProxyEndpoint[];
  /** Session affinity, in seconds. */
  stickySeconds?: number;
  /** Only this node's endpoints answer, and they see the client's address (externalTrafficPolicy: Local). */
  keepSource?: boolean;
  /** With `keepSource`: who answers pods and this node itself. */
  shortcut?: readonly ProxyEndpoint[];
  /** Who may come, as blocks that do not overlap; everybody when absent. */
  sources?: readonly string[];
  /** Without endpoints here: other nodes have some (drop), or nobody has (refuse). */
  othersHaveEndpoints?: boolean;
}

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name';
const defaultStickySeconds = 10_800;

/** True for services that this proxy serves: with a ClusterIP, and not marked for another proxy. */
export function isProxied(service: Service): boolean {
  const { type, clusterIP } = service.spec;
  if (type === 'ExternalName' || !clusterIP || clusterIP === 'None') return false;
  return service.metadata.labels?.[proxyNameLabel] === undefined;
}

interface Candidate extends ProxyEndpoint {
  hints: EndpointHints | undefined;
  ready: boolean;
  /** Shutting down, but still answering. */
  lastResort: boolean;
}

function candidatesOf(slices: readonly EndpointSlice[], port: ServicePort, node: ProxyNode): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const slice of slices) {
    if (String(slice.addressType) !== 'IPv4') continue;
    const number = slice.ports?.find((p) => (p.name ?? '') === (port.name ?? ''))?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
      const address = addresses[0];
      if (!address || !isIPv4(address)) continue;
      const ready = conditions?.ready ?? true;
      const lastResort = (conditions?.serving ?? ready) && (conditions?.terminating ?? false);
      const key = `${address} . ${number}`;
      // The same endpoint may stand in two slices while it moves: one ready entry is enough.
      if (candidates.get(key)?.ready) continue;
      candidates.set(key, { address, port: number, local: nodeName === node.name, hints, ready, lastResort });
    }
  }
  return [...candidates.values()];
}

/** How many addresses of ready endpoints are on the node. */
export function endpointsHere(slices: readonly EndpointSlice[], nodeName: string): number {
  const here = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ nodeName: name, conditions }) => name === nodeName && conditions?.ready !== false);
  return new Set(here.map(({ addresses }) => addresses[0])).size;
}

/** The ready ones; when there is none, those that end but still serve (KEP-1669). */
function usable(candidates: readonly Candidate[]): Candidate[] {
  const ready = candidates.filter((c) => c.ready);
  return ready.length > 0 ? ready : candidates.filter((c) => c.lastResort);
}

/**
 * Those that hints send this node to: its own, else those of its zone. All of them as soon as one is without a hint, or when
 * none is meant for this node (KEP-4444, KEP-3015).
 */
function preferred(endpoints: readonly Candidate[], node: ProxyNode): readonly Candidate[] {
  const sameNode = hinted(endpoints, ({ hints }) => hints?.forNodes, node.name);
  return sameNode ?? hinted(endpoints, ({ hints }) => hints?.forZones, node.zone) ?? endpoints;
}

function hinted(
  endpoints: readonly Candidate[],
  hintsOf: (endpoint: Candidate) => readonly { name: string }[] | undefined,
  place: string | undefined,
): Candidate[] | undefined {
  if (!endpoints.every((endpoint) => hintsOf(endpoint)?.length)) return undefined;
  const meant = endpoints.filter((endpoint) => hintsOf(endpoint)?.some(({ name }) => name === place));
  return meant.length > 0 ? meant : undefined;
}

/** Addresses of load balancers at which packets come to nodes as they are. */
export function balancerAddresses({ spec, status }: Service): string[] {
  const ingress = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : [];
  return ingress.flatMap(({ ip, ipMode }) => (ip && isIPv4(ip) && ipMode !== 'Proxy' ? [ip] : []));
}

/** Blocks either lie in one another or apart. Undefined: everybody. */
function sourcesOf({ spec }: Service): string[] | undefined {
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0) return undefined;
  const blocks = ranges.flatMap((range) => parseBlock(range.trim()) ?? []);
  if (blocks.some(({ prefixLength }) => prefixLength === 0)) return undefined;
  const widestFirst = blocks.sort((a, b) => a.prefixLength - b.prefixLength);
  const apart = widestFirst.filter(
    (block, i) => !widestFirst.slice(0, i).some((wide) => blockContains(formatBlock(wide), formatIPv4(block.first))),
  );
  return apart.map((block) => (block.prefixLength === 32 ? formatIPv4(block.first) : formatBlock(block)));
}

/** Every address and port of a service, as Kubernetes' virtual IP reference describes them. IPv4 only. */
export function frontendsOf(service: Service, slices: readonly EndpointSlice[], node: ProxyNode): Frontend[] {
  if (!isProxied(service)) return [];
  return (service.spec.ports ?? []).flatMap((port) => portFrontends(service, port, { slices, node }));
}

function portFrontends(
  service: Service,
  port: ServicePort,
  { slices, node }: { slices: readonly EndpointSlice[]; node: ProxyNode },
): Frontend[] {
  const { spec } = service;
  const candidates = candidatesOf(slices, port, node);
  const everywhere = preferred(usable(candidates), node);
  const here = usable(candidates.filter((c) => c.local));
  const othersHaveEndpoints = everywhere.length > 0;
  const sticky = spec.sessionAffinity === 'ClientIP';
  const common = {
    protocol: (port.protocol ?? 'TCP').toLowerCase(),
    ...(sticky ? { stickySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultStickySeconds } : {}),
    othersHaveEndpoints,
  };
  const inside = { ...common, endpoints: spec.internalTrafficPolicy === 'Local' ? here : everywhere };
  const outside =
    spec.externalTrafficPolicy === 'Local'
      ? { ...common, endpoints: here, keepSource: true, shortcut: everywhere }
      : { ...common, endpoints: everywhere };
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const nodePort = port.nodePort;
  const sources = sourcesOf(service);
  const guard = sources ? { sources } : {};
  const isOwn = (address: string) => node.ownAddresses?.includes(address) ?? false;
  return [
    ...clusterIPs.filter(isIPv4).map((address) => ({ ...inside, address, port: port.port })),
    ...(spec.externalIPs ?? []).filter(isIPv4).map((address) => ({ ...outside, address, port: port.port })),
    ...balancerAddresses(service).map((address) => ({ ...outside, ...guard, address, port: port.port })),
    ...(nodePort ? node.addresses.map((address) => ({ ...outside, address, port: nodePort })) : []),
  ].filter(({ address }) => !isOwn(address));
}

/** True when a pod of this node may be the endpoint, so that it could reach itself. */
export const mayHairpin = (endpoint: ProxyEndpoint, node: ProxyNode): boolean =>
  endpoint.local && blockContains(node.podCIDR, endpoint.address);
