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

export const service = defineStrategy<Service>({
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
