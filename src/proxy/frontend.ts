import type { EndpointSlice, Service, ServicePort } from '../api/generated/types.ts';
import { blockContains, isIPv4 } from '../base/ipv4.ts';

/** What the proxy must know of the node it runs on. */
export interface ProxyNode {
  name: string;
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
    for (const { addresses, conditions, nodeName } of slice.endpoints ?? []) {
      const address = addresses[0];
      if (!address || !isIPv4(address)) continue;
      const ready = conditions?.ready ?? true;
      const lastResort = (conditions?.serving ?? ready) && (conditions?.terminating ?? false);
      const key = `${address} . ${number}`;
      // The same endpoint may stand in two slices while it moves: one ready entry is enough.
      if (candidates.get(key)?.ready) continue;
      candidates.set(key, { address, port: number, local: nodeName === node.name, ready, lastResort });
    }
  }
  return [...candidates.values()];
}

/** The ready ones; when there is none, those that end but still serve (KEP-1669). */
function usable(candidates: readonly Candidate[]): ProxyEndpoint[] {
  const ready = candidates.filter((c) => c.ready);
  return ready.length > 0 ? ready : candidates.filter((c) => c.lastResort);
}

function externalAddresses(service: Service): string[] {
  const ingress = service.spec.type === 'LoadBalancer' ? (service.status?.loadBalancer?.ingress ?? []) : [];
  const balancers = ingress.flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : []));
  return [...(service.spec.externalIPs ?? []), ...balancers].filter(isIPv4);
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
  const everywhere = usable(candidates);
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
  const isOwn = (address: string) => node.ownAddresses?.includes(address) ?? false;
  return [
    ...clusterIPs.filter(isIPv4).map((address) => ({ ...inside, address, port: port.port })),
    ...externalAddresses(service).map((address) => ({ ...outside, address, port: port.port })),
    ...(nodePort ? node.addresses.map((address) => ({ ...outside, address, port: nodePort })) : []),
  ].filter(({ address }) => !isOwn(address));
}

/** True when a pod of this node may be the endpoint, so that it could reach itself. */
export const mayHairpin = (endpoint: ProxyEndpoint, node: ProxyNode): boolean =>
  endpoint.local && blockContains(node.podCIDR, endpoint.address);
