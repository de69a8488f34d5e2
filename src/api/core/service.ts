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
function hasClusterIpField({ spec }: Readonly<Service>): boolean {
  return spec.type !== 'ExternalName';
}
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

const isBalanced = ({ spec }: Readonly<Service>): boolean => spec.type === 'LoadBalancer';
const hasHealthCheck = (service: Readonly<Service>): boolean =>
  isBalanced(service) && service.spec.externalTrafficPolicy === 'Local';
const isFromOutside = ({ spec }: Readonly<Service>): boolean =>
  spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.externalIPs ?? []).length > 0;

/** Fields that go with a type, each with the services that may have it. */
const fieldsOfType: [keyof Service['spec'], (service: Readonly<Service>) => boolean][] = [
  ['clusterIP', hasClusterIpField],
  ['clusterIPs', hasClusterIpField],
  ['ipFamilies', hasClusterIpField],
  ['ipFamilyPolicy', hasClusterIpField],
  ['internalTrafficPolicy', hasClusterIpField],
  ['healthCheckNodePort', hasHealthCheck],
  ['allocateLoadBalancerNodePorts', isBalanced],
  ['loadBalancerClass', isBalanced],
  ['externalTrafficPolicy', isFromOutside],
];

/** A writer who changes the type need not know what was filled in for the old one: what he leaves alone goes. */
function dropOfOldType({ spec, ...rest }: Service, old: Readonly<Service>): void {
  const service = { spec, ...rest };
  for (const [name, mayHave] of fieldsOfType) {
    const isUnchanged = JSON.stringify(spec[name]) === JSON.stringify(old.spec[name]);
    if (mayHave(old) && !mayHave(service) && isUnchanged) delete spec[name];
  }
  if (!hasNodePorts(old) || hasNodePorts(service)) return;
  const portsOf = (ports: readonly ServicePort[] = []) => JSON.stringify(ports.map(({ nodePort }) => nodePort));
  if (portsOf(spec.ports) === portsOf(old.spec.ports)) for (const port of spec.ports ?? []) delete port.nodePort;
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
  prepareForUpdate(service, old) {
    keepAllocated(service, old);
    dropOfOldType(service, old);
  },
  // How an address of a balancer works is filled in for services that have one.
  fillsStatusBySpec: true,
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
