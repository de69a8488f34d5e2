import { endpointslices, services } from '../api/generated/resources.ts';
import { StatusError } from '../api/meta/status-error.ts';
import type { Rng } from '../base/rng.ts';
import type { ObjectReader } from './object-reader.ts';

export interface HostPort {
  host: string;
  port: number;
}

export const unavailable = (message: string): StatusError => StatusError.of('ServiceUnavailable', message);

/** The ready endpoints behind a port of a service, by the port's name ('' where it has none). */
export const readyEndpoints = (
  read: ObjectReader,
  { namespace, name }: { namespace: string; name: string },
  portName: string,
): HostPort[] =>
  read
    .list(endpointslices, namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap(({ endpoints, ports }) => {
      const port = ports?.find((candidate) => (candidate.name ?? '') === portName)?.port;
      const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
      return port ? ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port }))) : [];
    });

/** One of the endpoints behind a service's port. Throws ServiceUnavailable where there is none. */
export function serviceEndpoint(
  { read, rng }: { read: ObjectReader; rng: Rng },
  at: { namespace: string; name: string; port: number },
): HostPort {
  const shown = JSON.stringify(at.name);
  const service = read.get(services, at.namespace, at.name);
  if (!service) throw unavailable(`service ${shown} not found`);
  const port = service.spec.ports?.find((one) => one.port === at.port);
  if (!port) throw unavailable(`no service port ${at.port} found for service ${shown}`);
  if (service.spec.type === 'ExternalName') return { host: service.spec.externalName ?? '', port: at.port };
  const chosen = oneOf(readyEndpoints(read, at, port.name ?? ''), rng);
  if (!chosen) throw unavailable(`no endpoints available for service ${shown}`);
  return chosen;
}

export const oneOf = <T>(items: readonly T[], rng: Rng): T | undefined => items[Math.floor(rng.next() * items.length)];
