import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { ServerList } from './server-list.ts';
import { lost, unavailable } from './wire-error.ts';

export interface Http2Credentials {
  /** PEM. */
  cert?: string;
  key?: string;
}

export interface Http2ConnectionOptions {
  servers: ServerList;
  ca?: string;
  credentials: Http2Credentials;
}

const reconnect = { baseMs: 50, maxMs: 2_000 };
/** A silent peer is asked after this time and given up after that: as client-go, and sooner where another can be asked. */
const patience = { everyMs: 30_000, timeoutMs: 15_000 };
const impatience = { everyMs: 5_000, timeoutMs: 5_000 };
/** A machine that is gone does not refuse: without an answer in this time the next server is tried. */
const connectTimeoutMs = 5_000;
/** The default of 64 KiB makes large lists wait for window updates. */
const windowBytes = 1 << 20;

/**
 * One HTTP/2 session to one of the servers, made when needed, given up when the peer falls silent. A server that cannot be
 * reached is left for the next at once; when all have failed, there is a pause.
 */
export class Http2Connection {
  readonly #clock: Clock;
  readonly #options: Http2ConnectionOptions;
  #credentials: Http2Credentials;
  #session: ClientHttp2Session | undefined;
  #notBefore = 0;
  #isClosed = false;

  constructor({ clock }: { clock: Clock }, options: Http2ConnectionOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#credentials = options.credentials;
  }

  /** The next request opens a session with these; requests under way end on the old one. */
  useCredentials(credentials: Http2Credentials): void {
    const same = credentials.cert === this.#credentials.cert && credentials.key === this.#credentials.key;
    this.#credentials = credentials;
    if (same) return;
    this.#session?.close();
    this.#session = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  /** Throws ServiceUnavailable while backing off and after `close`. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    try {
      return this.#open().request(headers, { endStream: false });
    } catch (error) {
      throw lost(error);
    }
  }

  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    if (this.#isClosed) throw unavailable('the transport is closed');
    if (this.#clock.now() < this.#notBefore) throw unavailable(`no connection to ${this.#options.servers.current}`);
    const { servers, ca } = this.#options;
    const { cert, key } = this.#credentials;
    const url = servers.current;
    const session = connect(url, { ca, cert, key, settings: { initialWindowSize: windowBytes } });
    this.#session = session;
    this.#follow(session, url);
    return session;
  }

  #follow(session: ClientHttp2Session, url: string): void {
    const { servers } = this.#options;
    /** It was reached, or has been given up. */
    let isSettled = false;
    const failed = () => {
      const rounds = servers.failed(url);
      if (rounds > 0) this.#notBefore = this.#clock.now() + backoffMs(rounds, reconnect);
    };
    // Counted at once: a session says that it has closed later than its requests know it.
    const silent = () => {
      isSettled = true;
      failed();
      session.destroy(unavailable('the server does not answer'));
    };
    let stopPings = this.#clock.after(connectTimeoutMs, silent);
    session.on('connect', () => {
      isSettled = true;
      servers.reached();
      this.#notBefore = 0;
      stopPings();
      session.setLocalWindowSize(16 * windowBytes);
      stopPings = this.#pingWhileOpen(session, silent);
    });
    // Every stream gets the error too; without a listener it would end the process.
    session.on('error', () => {});
    session.on('goaway', () => this.#drop(session));
    session.on('close', () => {
      stopPings();
      this.#drop(session);
      if (!isSettled && !this.#isClosed) failed();
    });
  }

  #drop(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  #pingWhileOpen(session: ClientHttp2Session, silent: () => void): () => void {
    let cancel = () => {};
    const times = () => (this.#options.servers.hasOthers ? impatience : patience);
    const wait = () => {
      cancel = this.#clock.after(times().everyMs, ask);
    };
    const ask = () => {
      cancel = this.#clock.after(times().timeoutMs, silent);
      session.ping((error) => {
        cancel();
        if (!error) wait();
      });
    };
    wait();
    return () => cancel();
  }
}
