import type { TLSSocket } from 'node:tls';
import { StatusError } from '../../api/meta/status-error.ts';
import type { APIService } from '../../api/generated/types.ts';
import type { Rng } from '../../base/rng.ts';
import { remoteHeaders } from '../authn/request-header.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { HttpRequest } from '../body.ts';
import type { ObjectReader } from '../object-reader.ts';
import { passOn, passUpgrade } from '../pass-on.ts';
import { type HttpResponse, send } from '../respond.ts';
import { unavailable } from '../service-endpoint.ts';
import type { ApiServices } from './api-services.ts';
import { isAvailable } from './availability.ts';
import { backendOf, type FrontProxyCertificate, reasonText } from './remote-server.ts';

export interface AggregatorDeps {
  services: ApiServices;
  read: ObjectReader;
  rng: Rng;
  certificate(): FrontProxyCertificate | undefined;
}

/** `/apis/GROUP/VERSION`, all below it, and its OpenAPI 3 document. */
const owned = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)(?:\/|$)/;

/** Passes requests on to aggregated API servers, which are told who asks and need not find out themselves. */
export class Aggregator {
  readonly #deps: AggregatorDeps;

  constructor(deps: AggregatorDeps) {
    this.#deps = deps;
  }

  /** The APIService of another server that a path belongs to. */
  find(path: string): APIService | undefined {
    if (this.#deps.services.groupVersions().length === 0) return undefined;
    const [, group, version] = owned.exec(path) ?? [];
    return group && version ? this.#deps.services.find(group, version)?.service : undefined;
  }

  /** The user's right to ask has been checked. */
  async serve(
    service: APIService,
    user: UserInfo,
    exchange: { request: HttpRequest; response: HttpResponse },
  ): Promise<void> {
    const { request, response } = exchange;
    try {
      await passOn(this.#backend(service), { path: request.url ?? '/', headers: remoteHeaders(user) }, exchange);
    } catch (error) {
      // The aggregator's own troubles are plain text.
      if (!(error instanceof StatusError) || response.headersSent) throw error;
      await send(request, response, {
        code: 503,
        type: 'text/plain; charset=utf-8',
        chunks: [Buffer.from(`${reasonText(error)}\n`)],
        headers: { 'x-content-type-options': 'nosniff' },
      });
    }
  }

  async upgrade(
    service: APIService,
    user: UserInfo,
    exchange: { request: HttpRequest; socket: TLSSocket; head: Buffer },
  ): Promise<void> {
    const headers = remoteHeaders(user);
    await passUpgrade(this.#backend(service), { path: exchange.request.url ?? '/', headers }, exchange);
  }

  #backend(service: APIService) {
    if (!isAvailable(service)) throw unavailable('service unavailable');
    return backendOf(service, this.#deps, this.#deps.certificate());
  }
}
