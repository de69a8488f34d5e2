import type { EndpointSlice, Service, ServiceSpec } from '../api/generated/types.ts';
import type { DnsRecords, Zone } from './answer.ts';

/** Objects for tests of the cluster DNS. */
export const testZone: Zone = {
  domain: 'cluster.local',
  address: '10.96.0.10',
  ttlSeconds: 5,
  ownBlocks: ['10.244.0.0/16', '10.96.0.0/16'],
};

export const dnsService = (name: string, spec: Partial<ServiceSpec>): Service => ({
  metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: '1' },
  spec: { type: 'ClusterIP', ...spec },
  status: {},
});

export function dnsSlice(service: string, endpoints: EndpointSlice['endpoints'], port = 8080): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': service };
  return {
    metadata: { namespace: 'default', name: `${service}-x`, labels, uid: `uid-s-${service}`, resourceVersion: '2' },
    addressType: 'IPv4' as EndpointSlice['addressType'],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints,
  };
}

const ports: ServiceSpec['ports'] = [{ name: 'http', port: 80, protocol: 'TCP' }];
export const someServices = [
  dnsService('web', { clusterIP: '10.96.0.20', ports }),
  dnsService('db', { clusterIP: 'None', ports }),
  dnsService('empty', { clusterIP: 'None', ports }),
  dnsService('outside', { type: 'ExternalName', externalName: 'www.example.org.' }),
  dnsService('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
];
export const someSlices = [
  dnsSlice('web', [{ addresses: ['10.244.0.9'] }]),
  dnsSlice(
    'db',
    [
      { addresses: ['10.244.0.1'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.1.2'] },
      { addresses: ['10.244.1.3'], hostname: 'db-2', conditions: { ready: false } },
    ],
    5432,
  ),
];

export const someRecords: DnsRecords = {
  service: (namespace, name) =>
    namespace === 'default' ? someServices.find((s) => s.metadata.name === name) : undefined,
  slices: (_, name) => someSlices.filter((s) => s.metadata.labels?.['kubernetes.io/service-name'] === name),
  hasNamespace: (namespace) => namespace === 'default',
  serviceAt: (address) => someServices.find((s) => s.spec.clusterIP === address),
  slicesAt: (address) => someSlices.filter((s) => s.endpoints?.some((e) => e.addresses.includes(address))),
  serial: () => 7,
};
