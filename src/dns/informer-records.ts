import { endpointslices, services } from '../api/generated/resources.ts';
import type { Informers } from '../client/informers.ts';
import type { DnsRecords } from './answer.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/** The cluster's records, straight from the caches of the informers; nothing is copied. */
export function informerRecords(informers: Informers): DnsRecords & { readonly isReady: boolean } {
  const allServices = informers.informer(services);
  const allSlices = informers.informer(endpointslices);
  allServices.addIndex('clusterIP', ({ spec }) => spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));
  allSlices.addIndex('service', ({ metadata }) => {
    const name = metadata.labels?.[serviceNameLabel];
    return name ? [`${metadata.namespace}/${name}`] : [];
  });
  allSlices.addIndex('address', ({ endpoints }) => (endpoints ?? []).flatMap((e) => e.addresses));
  return {
    get isReady() {
      return allServices.isSynced && allSlices.isSynced;
    },
    service: (namespace, name) => allServices.get({ namespace, name }),
    slices: (namespace, service) => allSlices.index('service', `${namespace}/${service}`),
    hasNamespace: (namespace) => allServices.list(namespace).length > 0,
    serviceAt: (address) => allServices.index('clusterIP', address)[0],
    slicesAt: (address) => allSlices.index('address', address),
    serial: () => Number(BigInt(allSlices.lastSyncedVersion || '0') & 0xffffffffn),
  };
}
