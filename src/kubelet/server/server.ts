import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { PodPaths } from '../pod-paths.ts';
import type { PodState } from '../worker/state.ts';
import { type AllowedClients, refusal } from './authorize.ts';
import { checkpointContainer } from './checkpoint.ts';
import { serveLogs } from './container-logs.ts';
import type { DelegatedAccess } from './delegated-access.ts';
import type { Pages } from './pages.ts';

/** Takes over an upgraded connection (exec, attach, port-forward). The client is authorized already. */
export type StreamsHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface KubeletServerOptions {
  host?: string;
  /** 0 for any free one; 10250 when absent. */
  port?: number;
  /** PEM: what the node shows, and whose signature clients need. */
  tls: { cert: string; key: string; clientCa: string };
  /** Who may do everything; the API server's own identity. */
  allowed: AllowedClients;
  streams?: StreamsHandler;
}

/** What the server asks the pods' side. */
export interface ServedPods {
  list(): Pod[];
  find(namespace: string, name: string): PodState | undefined;
  onEnd(containerId: string, listener: () => void): () => void;
}

export interface KubeletServerDeps {
  clock: Clock;
  log: Logger;
  paths: PodPaths;
  pods: ServedPods;
  runtime: Pick<RuntimeService, 'CheckpointContainer'>;
  pages?: Pages;
  /** Whom the cluster lets in, besides those who may do everything. */
  access?: DelegatedAccess;
}

const defaultPort = 10_250;

/** The node's HTTPS server: logs, pods, figures, checkpoints, and a door for streams, for whom the cluster lets in. */
export class KubeletServer {
  readonly #deps: KubeletServerDeps;
  readonly #options: KubeletServerOptions;
  readonly #server: https.Server;
  readonly #sockets = new Set<Duplex>();

  constructor(deps: KubeletServerDeps, options: KubeletServerOptions) {
    this.#deps = deps;
    this.#options = options;
    const { cert, key, clientCa: ca } = options.tls;
    // Not rejected in the handshake: a client without a certificate is to read why.
    this.#server = https.createServer({
      cert,
      key,
      ca,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // After an upgrade the HTTP server no longer listens for errors.
      socket.on('error', () => socket.destroy());
    });
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    const { host, port = defaultPort } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** The serving certificate was renewed; new connections get it. */
  setCertificate(tls: KubeletServerOptions['tls']): void {
    this.#server.setSecureContext({ cert: tls.cert, key: tls.key, ca: tls.clientCa });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refused = await refusal(request, this.#options.allowed, this.#deps.access);
      if (refused) throw refused;
      await this.#route(request, response);
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://node');
    const [first, ...rest] = pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    const isCheckpoint = first === 'checkpoint' && rest.length === 3;
    if (request.method !== (isCheckpoint ? 'POST' : 'GET'))
      throw StatusError.of('MethodNotAllowed', `${request.method} is not allowed`);
    const [namespace = '', pod = '', container = ''] = rest;
    const asked = { namespace, pod, container, query: searchParams };
    if (isCheckpoint) {
      answer(response, { type: 'application/json', body: await checkpointContainer(asked, this.#deps) });
    } else if (first === 'healthz' && rest.length === 0) {
      answer(response, { type: 'text/plain; charset=utf-8', body: 'ok' });
    } else if (first === 'pods' && rest.length === 0) {
      const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.#deps.pods.list() };
      answer(response, { type: 'application/json', body: JSON.stringify(list) });
    } else if (first === 'containerLogs' && rest.length === 3) {
      await serveLogs(asked, response, this.#deps);
    } else {
      const page = this.#deps.pages?.get(pathname);
      if (page) return answer(response, await page(searchParams));
      throw StatusError.of('NotFound', `${pathname} not found`);
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { allowed, streams } = this.#options;
    const refused = await refusal(request, allowed, this.#deps.access).catch((error: unknown) =>
      StatusError.of('InternalError', String(error)),
    );
    if (!refused && streams) return streams(request, socket, head);
    const { code, message } = refused ?? StatusError.of('NotFound', 'no streams are served here');
    socket.end(
      `HTTP/1.1 ${code} \r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(message)}\r\nconnection: close\r\n\r\n${message}`,
    );
  }

  #fail(response: ServerResponse, error: unknown): void {
    const { code, message } = error instanceof StatusError ? error : StatusError.of('InternalError', String(error));
    if (code >= 500) this.#deps.log.warn({ error: message }, 'request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(message);
  }
}

function answer(response: ServerResponse, { type, body }: { type: string; body: string }): void {
  response.setHeader('content-type', type);
  response.end(body);
}
