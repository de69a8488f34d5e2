import type { EndpointSlice, Service, ServicePort } from '../api/generated/types.ts';
import type { ObjectKey } from '../api/resource.ts';
import type { Server } from './model.ts';

/** What is known of services. */
export interface ServiceView {
  service(key: ObjectKey): Service | undefined;
  slicesOf(key: ObjectKey): readonly EndpointSlice[];
}

/** Why there is none, in words for people, or where a port of a service is reached. */
export type Backend = { problem: string } | { servers: Omit<Server, 'weight'>[] };

/**
 * The servers of a service's port: its cluster address, behind which every node spreads connections over the endpoints by
 * itself (`src/proxy`), so that endpoints come and go without the proxy. Only a headless service is its endpoints.
 */
export function backendOf(view: ServiceView, key: ObjectKey, port: { name?: string; number?: number }): Backend {
  const service = view.service(key);
  if (!service) return { problem: `service "${key.namespace}/${key.name}" not found` };
  const { type, clusterIP, ports = [] } = service.spec;
  if (type === 'ExternalName') return { problem: `service "${key.namespace}/${key.name}" is of type ExternalName` };
  const found = ports.find((p) => isPort(p) && (port.name ? p.name === port.name : p.port === port.number));
  if (!found) return { problem: `service "${key.namespace}/${key.name}" has no port ${port.name ?? port.number}` };
  const kind = found.appProtocol === 'kubernetes.io/h2c' ? { isH2c: true } : {};
  const places =
    clusterIP && clusterIP !== 'None' ? [{ address: clusterIP, port: found.port }] : endpoints(view, key, found);
  return { servers: places.map((place) => ({ ...place, ...kind })) };
}

const isPort = ({ protocol = 'TCP' }: ServicePort): boolean => protocol === 'TCP';

function endpoints(view: ServiceView, key: ObjectKey, { name = '' }: ServicePort): { address: string; port: number }[] {
  const places = view
    .slicesOf(key)
    .filter(({ addressType }) => addressType === 'IPv4')
    .flatMap((slice) => {
      const port = slice.ports?.find((p) => (p.name ?? '') === name)?.port;
      const ready = slice.endpoints?.filter(({ conditions }) => conditions?.ready !== false) ?? [];
      return port === undefined
        ? []
        : ready.flatMap(({ addresses }) => addresses.map((address) => ({ address, port })));
    });
  // An endpoint may be in two slices while it moves.
  return [...new Map(places.map((place) => [`${place.address}:${place.port}`, place])).values()];
}
