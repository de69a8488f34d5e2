import http from 'node:http';
import { endpointsHere } from './frontend.ts';
import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { type ObjectKey, keyOf, keyText } from '../api/resource.ts';
import type { Logger } from '../base/log.ts';

/** What a balancer asks of a node: whether the service is answered here. */
export interface HealthCheck {
  service: ObjectKey;
  localEndpoints: number;
}

/** The ports that balancers ask on, with what they are to hear. */
export function healthChecksOf(
  services: Iterable<Service>,
  slicesOf: (serviceKey: string) => readonly EndpointSlice[],
  nodeName: string,
): Map<number, HealthCheck> {
  const checks = new Map<number, HealthCheck>();
  for (const service of services) {
    const { type, externalTrafficPolicy, healthCheckNodePort } = service.spec;
    if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local' || !healthCheckNodePort) continue;
    const slices = slicesOf(keyText(keyOf(service)));
    checks.set(healthCheckNodePort, { service: keyOf(service), localEndpoints: endpointsHere(slices, nodeName) });
  }
  return checks;
}

/** Answers on the health check ports of services, as kube-proxy does: 200 with endpoints here, 503 without. */
export class HealthCheckServers {
  readonly #log: Logger;
  readonly #host: string;
  readonly #servers = new Map<number, { server: http.Server; check: HealthCheck }>();

  constructor({ log }: { log: Logger }, { host = '0.0.0.0' }: { host?: string } = {}) {
    this.#log = log;
    this.#host = host;
  }

  /** Exactly these ports are listened on from now. A port that is taken by somebody else is told, and tried again next time. */
  set(checks: ReadonlyMap<number, HealthCheck>): void {
    for (const [port, { server }] of this.#servers) if (!checks.has(port)) this.#end(port, server);
    for (const [port, check] of checks) {
      const known = this.#servers.get(port);
      if (known) known.check = check;
      else this.#begin(port, check);
    }
  }

  close(): void {
    this.set(new Map());
  }

  #begin(port: number, check: HealthCheck): void {
    const entry = { check, server: http.createServer((_, response) => answer(response, entry.check)) };
    this.#servers.set(port, entry);
    entry.server.on('error', (error) => {
      this.#log.warn({ port, error: String(error) }, 'cannot answer health checks');
      if (this.#servers.get(port) === entry) this.#servers.delete(port);
    });
    entry.server.listen(port, this.#host);
  }

  #end(port: number, server: http.Server): void {
    this.#servers.delete(port);
    server.close();
    server.closeAllConnections();
  }
}

function answer(response: http.ServerResponse, { service: { namespace, name }, localEndpoints }: HealthCheck): void {
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true };
  response.writeHead(localEndpoints > 0 ? 200 : 503, {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    'x-load-balancing-endpoint-weight': String(localEndpoints),
  });
  response.end(JSON.stringify(body, undefined, '\t'));
}
