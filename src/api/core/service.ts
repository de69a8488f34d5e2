import type { Service, ServicePort } from '../generated/types.ts';
import { type CellRule, age, columns, field, ingressAddresses, labelsAt, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const externalIp: CellRule<Service> = ({ spec, status }) => {
  const own = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return own.join(',') || '<none>';
  const given = ingressAddresses(status.loadBalancer?.ingress);
  return [given, ...own].filter(Boolean).join(',') || '<pending>';
};

const portText = ({ port, nodePort, protocol }: ServicePort): string =>
  nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;

const hasClusterIp = ({ spec }: Readonly<Service>): boolean =>
  spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
const hasNodePorts = ({ spec }: Readonly<Service>): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

/** A writer that leaves out what was allocated keeps it; `clusterIP` alone changes the first of `clusterIPs`. */
function keepAllocated(service: Service, old: Readonly<Service>): void {
  const { spec } = service;
  if (spec.clusterIP !== old.spec.clusterIP && spec.clusterIPs?.join() === old.spec.clusterIPs?.join()) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP, ...(spec.clusterIPs ?? []).slice(1)];
    else spec.clusterIPs = undefined;
  }
  if (hasClusterIp(service) && hasClusterIp(old)) {
    spec.clusterIP ||= old.spec.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP === old.spec.clusterIP) spec.clusterIPs = old.spec.clusterIPs;
  }
  if (spec.type !== 'ExternalName') spec.ipFamilies ??= old.spec.ipFamilies;
  if (hasNodePorts(service) && hasNodePorts(old)) keepNodePorts(spec.ports ?? [], old.spec.ports ?? []);
  if (spec.externalTrafficPolicy === 'Local' && old.spec.externalTrafficPolicy === 'Local') {
    spec.healthCheckNodePort ||= old.spec.healthCheckNodePort;
  }
}

function keepNodePorts(ports: ServicePort[], old: readonly ServicePort[]): void {
  const taken = new Set(ports.map(({ nodePort }) => nodePort));
  for (const port of ports) {
    const before = old.find(({ port: number, protocol }) => number === port.port && protocol === port.protocol);
    if (port.nodePort || !before?.nodePort || taken.has(before.nodePort)) continue;
    port.nodePort = before.nodePort;
  }
}

export const service = defineStrategy<Service>({
  prepareForUpdate: keepAllocated,
  cells: columns<Service>({
    Name: name,
    Type: field('spec.type'),
    'Cluster-IP': ({ spec }) => spec.clusterIPs?.[0] ?? '<none>',
    'External-IP': externalIp,
    'Port(s)': ({ spec }) => (spec.ports ?? []).map(portText).join(',') || '<none>',
    Age: age,
    Selector: labelsAt('spec.selector'),
  }),
});
