import type { ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Rng } from '../base/rng.ts';
import type { HttpRequest } from './body.ts';
import type { NodeConnectorOptions } from './node-connector.ts';
import type { ObjectReader } from './object-reader.ts';
import { type Backend, passOn, passUpgrade } from './pass-on.ts';
import { proxyTarget } from './proxy-target.ts';
import type { ApiRequest } from './request.ts';
import { type HttpResponse, write } from './respond.ts';

export interface BackendProxyDeps {
  read: ObjectReader;
  rng: Rng;
  /** How this server shows a node who it is. */
  tls(): NodeConnectorOptions;
}

/** Passes requests on to pods, services and nodes: the `proxy` subresource. */
export class BackendProxy {
  readonly #deps: BackendProxyDeps;

  constructor(deps: BackendProxyDeps) {
    this.#deps = deps;
  }

  /** Resolves when the answer is passed on, or either side has gone. */
  async serve(asked: ApiRequest, exchange: { request: HttpRequest; response: HttpResponse }): Promise<void> {
    const url = exchange.request.url ?? '';
    const { path, prefix } = behindProxy(url);
    const backend = this.#backend(asked);
    // Relative links of the page behind the proxy need the slash.
    if (path === '' && /^(GET|HEAD)$/.test(exchange.request.method ?? '')) return redirect(exchange.response, url);
    await passOn(backend, { path: path || '/', prefix }, exchange);
  }

  /** WebSockets and other protocols: the two connections are joined. */
  async upgrade(asked: ApiRequest, exchange: { request: HttpRequest; socket: TLSSocket; head: Buffer }): Promise<void> {
    const { path } = behindProxy(exchange.request.url ?? '');
    await passUpgrade(this.#backend(asked), { path: path || '/' }, exchange);
  }

  /** Nodes are checked; the certificates of pods say nothing to anybody. */
  #backend({ endpoint, namespace, name }: ApiRequest): Backend {
    const { isNode, ...target } = proxyTarget({ resource: endpoint.kind.resource, namespace, name }, this.#deps);
    return { ...target, tls: isNode ? this.#deps.tls() : { rejectUnauthorized: false } };
  }
}

/** The part of a URL behind `…/NAME/proxy`, as the client wrote it; '' when nothing follows. `prefix` is all before it. */
export function behindProxy(url: string): { prefix: string; path: string } {
  const [, prefix = '', path = '', query = ''] =
    /^(\/api\/v1\/(?:namespaces\/[^/?]+\/)?[^/?]+\/[^/?]+\/proxy)(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  return { prefix, path: path === '' ? '' : `${path}${query}` };
}

function redirect(response: HttpResponse, url: string): void {
  const [path = '', ...query] = url.split('?');
  write(response, 301, { location: [`${path}/`, ...query].join('?') });
  (response as ServerResponse).end();
}
