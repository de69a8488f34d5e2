import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { StatusError } from '../api/meta/status-error.ts';
import type { Rng } from '../base/rng.ts';
import { splice } from '../streams/splice.ts';
import type { HttpRequest } from './body.ts';
import type { NodeConnectorOptions } from './node-connector.ts';
import type { ObjectReader } from './object-reader.ts';
import { type ProxyTarget, proxyTarget } from './proxy-target.ts';
import type { ApiRequest } from './request.ts';
import { type HttpResponse, write } from './respond.ts';
import { upgradeHead } from './upgrade-head.ts';

/** A backend that does not even take the request is given up. */
const dialTimeoutMs = 30_000;

/** Between two neighbours only (RFC 9110 §7.6.1), or the client's credentials for this server. */
const dropped = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
]);

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
  async serve(
    { endpoint, namespace, name }: ApiRequest,
    { request, response }: { request: HttpRequest; response: HttpResponse },
  ): Promise<void> {
    const { path, prefix } = behindProxy(request.url ?? '');
    // Relative links of the page behind the proxy need the slash.
    if (path === '' && request.method === 'GET') return redirect(response, request.url ?? '');
    const target = proxyTarget({ resource: endpoint.kind.resource, namespace, name }, this.#deps);
    const answer = await this.#ask(target, path || '/', { request, response });
    const headers = passedOn(answer.headers);
    if (headers.location) headers.location = locationBehind(headers.location, prefix);
    write(response, answer.statusCode ?? 502, headers);
    await new Promise<void>((resolve) => {
      // A backend that goes away in the middle must not look like the end of its answer.
      answer.on('error', () => response.destroy());
      answer.on('close', resolve);
      answer.pipe(response as NodeJS.WritableStream);
    });
  }

  /** WebSockets and other protocols: the two connections are joined. */
  async upgrade(
    { endpoint, namespace, name }: ApiRequest,
    { request, socket, head }: { request: HttpRequest; socket: TLSSocket; head: Buffer },
  ): Promise<void> {
    const target = proxyTarget({ resource: endpoint.kind.resource, namespace, name }, this.#deps);
    const { path } = behindProxy(request.url ?? '');
    const backend = await this.#dial(target);
    backend.write(upgradeHead(request, { ...target, path: path || '/' }));
    if (head.length > 0) socket.unshift(head);
    splice(socket, backend);
  }

  #ask(
    target: ProxyTarget,
    path: string,
    { request, response }: { request: HttpRequest; response: HttpResponse },
  ): Promise<IncomingMessage> {
    const { scheme, host, port } = target;
    const headers = { ...passedOn(request.headers), 'x-forwarded-uri': request.url ?? '' };
    const options: RequestOptions = { host, port, path, method: request.method, headers, timeout: dialTimeoutMs };
    return new Promise((resolve, reject) => {
      const take = (answer: IncomingMessage) => {
        outgoing.setTimeout(0);
        resolve(answer);
      };
      const outgoing: ClientRequest =
        scheme === 'https' ? httpsRequest({ ...options, ...this.#tls(target) }, take) : httpRequest(options, take);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
      outgoing.on('error', (error) => reject(unreachable(error)));
      response.on('close', () => outgoing.destroy());
      request.on('error', () => outgoing.destroy());
      request.pipe(outgoing);
    });
  }

  #dial(target: ProxyTarget): Promise<Socket> {
    const { scheme, host, port } = target;
    return new Promise((resolve, reject) => {
      const take = () => {
        socket.setTimeout(0);
        socket.off('error', fail);
        socket.on('error', () => socket.destroy());
        resolve(socket);
      };
      const fail = (error: Error) => reject(unreachable(error));
      const at = { host, port, timeout: dialTimeoutMs };
      const socket: Socket =
        scheme === 'https' ? connectTls({ ...at, ...this.#tls(target) }, take) : connectPlain(at, take);
      socket.on('timeout', () => socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
      socket.on('error', fail);
    });
  }

  /** Nodes are checked; the certificates of pods say nothing to anybody. */
  #tls({ isNode }: ProxyTarget): object {
    return isNode ? this.#deps.tls() : { rejectUnauthorized: false };
  }
}

const unreachable = (error: Error): StatusError =>
  StatusError.of('ServiceUnavailable', `error trying to reach service: ${error.message}`);

/** The part of a URL behind `…/NAME/proxy`, as the client wrote it; '' when nothing follows. `prefix` is all before it. */
export function behindProxy(url: string): { prefix: string; path: string } {
  const [, prefix = '', path = '', query = ''] =
    /^(\/api\/v1\/(?:namespaces\/[^/?]+\/)?[^/?]+\/[^/?]+\/proxy)(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  return { prefix, path: path === '' ? '' : `${path}${query}` };
}

/** A redirect within the backend stays behind the proxy. */
export const locationBehind = (location: string, prefix: string): string =>
  location.startsWith('/') && !location.startsWith('//') ? `${prefix}${location}` : location;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export function passedOn(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || dropped.has(name) || name.startsWith(':') || name.startsWith('impersonate-')) continue;
    kept[name] = value as string;
  }
  return kept;
}

function redirect(response: HttpResponse, url: string): void {
  const [path = '', ...query] = url.split('?');
  write(response, 301, { location: [`${path}/`, ...query].join('?') });
  (response as ServerResponse).end();
}
