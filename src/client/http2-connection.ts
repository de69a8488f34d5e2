import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { lost, unavailable } from './wire-error.ts';

export interface Http2Credentials {
  /** PEM. */
  cert?: string;
  key?: string;
}

export interface Http2ConnectionOptions {
  server: string;
  ca?: string;
  credentials: Http2Credentials;
}

const reconnect = { baseMs: 50, maxMs: 2_000 };
/** As client-go: a silent peer is asked after this time and given up after that. */
const pingEveryMs = 30_000;
const pingTimeoutMs = 15_000;
/** The default of 64 KiB makes large lists wait for window updates. */
const windowBytes = 1 << 20;

/** One HTTP/2 session to one server, made when needed, given up when the peer falls silent. */
export class Http2Connection {
  readonly #clock: Clock;
  readonly #options: Http2ConnectionOptions;
  #credentials: Http2Credentials;
  #session: ClientHttp2Session | undefined;
  #failures = 0;
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
    if (this.#clock.now() < this.#notBefore) throw unavailable(`no connection to ${this.#options.server}`);
    const { server, ca } = this.#options;
    const { cert, key } = this.#credentials;
    const session = connect(server, { ca, cert, key, settings: { initialWindowSize: windowBytes } });
    this.#session = session;
    this.#follow(session);
    return session;
  }

  #follow(session: ClientHttp2Session): void {
    let hasConnected = false;
    let stopPings = () => {};
    session.on('connect', () => {
      hasConnected = true;
      this.#failures = 0;
      this.#notBefore = 0;
      session.setLocalWindowSize(16 * windowBytes);
      stopPings = this.#pingWhileOpen(session);
    });
    // Every stream gets the error too; without a listener it would end the process.
    session.on('error', () => {});
    session.on('goaway', () => this.#drop(session));
    session.on('close', () => {
      stopPings();
      this.#drop(session);
      if (!hasConnected) this.#notBefore = this.#clock.now() + backoffMs(++this.#failures, reconnect);
    });
  }

  #drop(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  #pingWhileOpen(session: ClientHttp2Session): () => void {
    let cancel = () => {};
    const wait = () => {
      cancel = this.#clock.after(pingEveryMs, ask);
    };
    const ask = () => {
      cancel = this.#clock.after(pingTimeoutMs, () => session.destroy(unavailable('the server does not answer')));
      session.ping((error) => {
        cancel();
        if (!error) wait();
      });
    };
    wait();
    return () => cancel();
  }
}
