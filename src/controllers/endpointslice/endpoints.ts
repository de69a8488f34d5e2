import type { DiscoveryEndpointPort, Endpoint, EndpointHints, Node, Pod, Service } from '../../api/generated/types.ts';
import { matchesLabels } from '../label-match.ts';
import { isPodReady, isPodTerminal } from '../pod-state.ts';

/** Endpoints that serve the same ports: they can share slices. */
export interface PortGroup {
  ports: DiscoveryEndpointPort[];
  endpoints: Endpoint[];
}

export type AddressFamily = 'IPv4' | 'IPv6';

/** Whether a pod belongs to the service at all, ready or not. */
export const isBehind = (service: Service, pod: Pod): boolean =>
  matchesLabels(service.spec.selector ?? {}, pod.metadata.labels) && !isPodTerminal(pod) && !!pod.status?.podIP;

export const hasSelector = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;

/** The pods of a service as endpoints, grouped by the ports that the service's names come to in each pod. */
export function portGroups(
  service: Service,
  pods: Pod[],
  { family, nodeOf }: { family: AddressFamily; nodeOf: (name: string) => Node | undefined },
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, { family, node: nodeOf(pod.spec?.nodeName ?? '') });
    if (!endpoint) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key);
    if (group) group.endpoints.push(endpoint);
    else groups.set(key, { ports, endpoints: [endpoint] });
  }
  return [...groups.values()];
}

/** The API says null where there are none. */
export const portsKey = (ports: DiscoveryEndpointPort[] | null | undefined): string =>
  JSON.stringify((ports ?? []).map((p) => [p.name ?? '', p.protocol ?? 'TCP', p.port, p.appProtocol ?? '']).sort());

function endpointOf(
  service: Service,
  pod: Pod,
  { family, node }: { family: AddressFamily; node: Node | undefined },
): Endpoint | undefined {
  const ips = pod.status?.podIPs?.map((p) => p.ip ?? '') ?? [pod.status?.podIP ?? ''];
  const address = ips.find((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6'));
  if (!address) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace, name, uid } = pod.metadata;
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const { hostname, subdomain, nodeName } = pod.spec;
  const hints = ready ? hintsOf(service, { zone, nodeName }) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(hints ? { hints } : {}),
  };
}

/** Who should prefer the endpoint (KEP-4444, KEP-3015). Who goes by zones alone is told of them, too. */
function hintsOf(
  { spec }: Service,
  { zone, nodeName }: { zone: string | undefined; nodeName: string | undefined },
): EndpointHints | undefined {
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  switch (spec.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone ? forZones : undefined;
    case 'PreferSameNode':
      return nodeName ? { ...forZones, forNodes: [{ name: nodeName }] } : undefined;
    default:
      return undefined;
  }
}

/** A port that a pod does not have by name is left out for that pod. */
export function portsOf(service: Service, pod: Pod): DiscoveryEndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP';
    const number = portNumber(port.targetPort ?? port.port, protocol, pod);
    if (number === undefined) return [];
    const appProtocol = port.appProtocol ? { appProtocol: port.appProtocol } : {};
    return [{ name: port.name ?? '', protocol, port: number, ...appProtocol }];
  });
}

function portNumber(target: number | string, protocol: string, pod: Pod): number | undefined {
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const port = container.ports?.find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol);
    if (port) return port.containerPort;
  }
  return undefined;
}
