/** networking.k8s.io: columns. */
import type { IPAddress, Ingress, IngressClass, ServiceCIDR } from '../generated/types.ts';
import { type CellRule, age, columns, field, ingressAddresses, joined, name, selectorAt } from '../meta/columns.ts';
import { groupResource } from '../resource.ts';
import { defineStrategy } from '../strategy.ts';

/** The first three host names, and how many rules follow; `*` when no rule names a host. */
const hosts: CellRule<Ingress> = ({ spec }) => {
  const shown: string[] = [];
  let more = false;
  for (const { host } of spec.rules ?? []) {
    if (shown.length === 3) more = true;
    else if (host) shown.push(host);
  }
  if (shown.length === 0) return '*';
  return more ? `${shown.join(',')} + ${(spec.rules?.length ?? 0) - 3} more...` : shown.join(',');
};

export const ingress = defineStrategy<Ingress>({
  cells: columns<Ingress>({
    Name: name,
    Class: field('spec.ingressClassName', '<none>'),
    Hosts: hosts,
    Address: ({ status }) => ingressAddresses(status.loadBalancer?.ingress),
    Ports: ({ spec }) => (spec.tls?.length ? '80, 443' : '80'),
    Age: age,
  }),
});

export const ingressClass = defineStrategy<IngressClass>({
  cells: columns<IngressClass>({
    Name: name,
    Controller: field('spec.controller'),
    Parameters: ({ spec: { parameters } }) => {
      if (!parameters) return '<none>';
      const { kind, apiGroup, name } = parameters;
      return `${apiGroup === undefined ? kind : `${kind}.${apiGroup}`}/${name}`;
    },
    Age: age,
  }),
});

export const networkPolicy = defineStrategy({
  cells: columns({ Name: name, 'Pod-Selector': selectorAt('spec.podSelector'), Age: age }),
});

export const ipAddress = defineStrategy<IPAddress>({
  cells: columns<IPAddress>({
    Name: name,
    ParentRef: ({ spec: { parentRef } }) => {
      if (!parentRef) return '<none>';
      const { group = '', resource, namespace, name } = parentRef;
      return [groupResource({ group, resource }).toLowerCase(), namespace, name].filter(Boolean).join('/');
    },
  }),
});

export const serviceCidr = defineStrategy<ServiceCIDR>({
  cells: columns<ServiceCIDR>({ Name: name, CIDRs: joined('spec.cidrs'), Age: age }),
});
