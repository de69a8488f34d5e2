import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { internalError, StatusError } from '../api/meta/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { HttpRequest } from './body.ts';
import type { Front } from './front.ts';
import type { HttpResponse } from './respond.ts';

export interface ListenerDeps {
  front: Front;
  clock: Clock;
  log: Logger;
}

export interface ListenerOptions {
  /** Addresses to listen on, each with the same port. */
  hosts: string[];
  /** 0: any free one (a single host only). */
  port: number;
  cert: string;
  key: string;
  /** Sign client certificates: one authority or several. */
  ca: string;
}

/** How long a stopping server lets running requests end. */
const drainMs = 5000;
/** Beyond it, new connections are closed at once. */
const maxConnections = 10_000;

/** The HTTPS socket of the API server: HTTP/1.1 and HTTP/2 on one port, client certificates asked for, not demanded. */
export class Listener {
  readonly #servers: Http2SecureServer[] = [];
  readonly #sockets = new Set<TLSSocket>();
  /** Requests that run on each HTTP/1.1 connection; HTTP/2 sessions know theirs. */
  readonly #running = new Map<TLSSocket, number>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Speak another protocol now: exec, attach, port-forward. */
  readonly #switched = new Set<TLSSocket>();
  #isClosing = false;
  readonly #clock: Clock;
  readonly #ca: string;
  #port = 0;

  private constructor(clock: Clock, ca: string) {
    this.#clock = clock;
    this.#ca = ca;
  }

  static async open(deps: ListenerDeps, options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(deps.clock, options.ca);
    for (const host of options.hosts) await listener.#listen(deps, options, host);
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** The certificate was renewed: new connections get it, those that stand go on. PEM. */
  setCertificate({ cert, key }: { cert: string; key: string }): void {
    for (const server of this.#servers) server.setSecureContext({ cert, key, ca: this.#ca });
  }

  /**
   * No new connections; HTTP/2 clients get GOAWAY, others `Connection: close` with their running answer, which is still
   * sent. What takes too long, and streams that were switched to another protocol, are cut.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const session of this.#sessions) session.close();
    for (const [socket, running] of this.#running) if (running === 0) socket.end();
    for (const socket of this.#switched) socket.destroy();
    const cancel = this.#clock.after(drainMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await Promise.all(closed);
    cancel();
  }

  #track(socket: TLSSocket, response: HttpResponse): void {
    const count = (by: number) => this.#running.set(socket, (this.#running.get(socket) ?? 0) + by);
    count(1);
    if (this.#isClosing) response.setHeader('connection', 'close');
    response.on('close', () => {
      if (socket.destroyed) return;
      count(-1);
      if (this.#isClosing && this.#running.get(socket) === 0) socket.end();
    });
  }

  async #listen(deps: ListenerDeps, options: ListenerOptions, host: string): Promise<void> {
    const server = createSecureServer({
      allowHTTP1: true,
      cert: options.cert,
      key: options.key,
      ca: options.ca,
      requestCert: true,
      rejectUnauthorized: false,
      settings: { maxConcurrentStreams: 1000, initialWindowSize: 2 ** 20 },
    });
    server.maxConnections = maxConnections;
    server.on('request', (request: HttpRequest, response: HttpResponse) => {
      if (request.httpVersionMajor === 1) this.#track(request.socket as TLSSocket, response);
      void deps.front.serve(request, response);
    });
    server.on('upgrade', (request: HttpRequest, socket: TLSSocket, head: Buffer) => {
      this.#switched.add(socket);
      deps.front.upgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, error));
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
      // Its handshake was under way when the server began to close.
      if (this.#isClosing) session.close();
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      // An HTTP/2 session ends its own socket.
      if (socket.alpnProtocol !== 'h2') this.#running.set(socket, 0);
      if (this.#isClosing && this.#running.has(socket)) socket.end();
      socket.setNoDelay(true);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#running.delete(socket);
        this.#switched.delete(socket);
      });
      socket.on('error', () => socket.destroy());
    });
    server.on('tlsClientError', (error) => deps.log.debug({ err: error }, 'TLS handshake failed'));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port || this.#port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#servers.push(server);
  }
}

/** The answer to an upgrade that is not to be: written by hand, since there is no response object. */
function refuseUpgrade(socket: TLSSocket, error: unknown): void {
  const { status } = error instanceof StatusError ? error : internalError(error);
  const body = JSON.stringify(status);
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
