import { parseJson, toJson } from '../base/lossless-json.ts';
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { StatusError } from '../api/meta/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { WatchHandle, WatchSink } from './client.ts';
import { type Http2Credentials, Http2Connection } from './http2-connection.ts';
import type { ApiCall, Transport } from './transport.ts';
import { methodOf, patchContentTypes, pathOf } from './url.ts';
import { ServerList } from './server-list.ts';
import { errorFromBody, lost, unavailable } from './wire-error.ts';
import { WatchDecoder } from './watch-decoder.ts';

export interface HttpsOptions {
  /** `https://host:port` of the API server, or of several that are the same. */
  server: string | ServerList;
  /** PEM of the authority that signed the server's certificate; the system's authorities when absent. */
  ca?: string;
  credentials?: Credentials;
  userAgent?: string;
  /** A call without an answer after this time fails with Timeout; 60 s unless told. Watches and raw streams have no limit. */
  timeoutMs?: number;
}

/** A client certificate or a bearer token; both may be given. */
export interface Credentials extends Http2Credentials {
  token?: string;
}

export interface RawRequest {
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** Ends the request; the stream is then destroyed. */
  signal?: AbortSignal;
}

/** An answer with whatever status; `stream` must be read or destroyed. */
export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  stream: ClientHttp2Stream;
}

/** Bodies larger than this are not read. */
const maxBodyBytes = 1 << 29;

/**
 * The API over HTTPS: one HTTP/2 session, made on the first request and again, with back-off, after it was lost. Answers
 * that are not a success are `StatusError`s as the server sent them; a refused or lost connection is one with reason
 * ServiceUnavailable, which informers retry.
 */
export class HttpsTransport implements Transport {
  readonly #clock: Clock;
  readonly #options: HttpsOptions;
  readonly #connection: Http2Connection;
  readonly #watches = new Set<ClientHttp2Stream>();
  #token: string | undefined;

  constructor({ clock }: { clock: Clock }, options: HttpsOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#token = options.credentials?.token;
    const { server, ca, credentials = {} } = options;
    const servers = typeof server === 'string' ? new ServerList([server]) : server;
    this.#connection = new Http2Connection({ clock }, { servers, ca, credentials });
  }

  /** From now on requests carry these. Open watches end with ServiceUnavailable, so that they come back with them. */
  useCredentials(credentials: Credentials): void {
    this.#token = credentials.token;
    this.#connection.useCredentials(credentials);
    for (const stream of this.#watches) stream.destroy(unavailable('the credentials changed'));
  }

  /** Ends every request. The transport cannot be used again. */
  close(): void {
    this.#connection.close();
  }

  async call(call: ApiCall): Promise<unknown> {
    const body = call.body === undefined ? undefined : toJson(call.body);
    const contentType = call.patchType ? patchContentTypes[call.patchType] : 'application/json';
    const { stream, response } = this.#send(methodOf(call.verb), pathOf(call), {
      body,
      headers: body === undefined ? {} : { 'content-type': contentType },
    });
    const cancel = this.#clock.after(this.#options.timeoutMs ?? 60_000, () => {
      stream.destroy(StatusError.of('Timeout', `no answer to ${methodOf(call.verb)} ${pathOf(call)} in time`));
    });
    try {
      const { status } = await response;
      const text = await readText(stream);
      if (status >= 400) throw errorFromBody(status, text);
      return parseJson(text);
    } finally {
      cancel();
    }
  }

  watch(call: Omit<ApiCall, 'verb'>, sink: WatchSink): WatchHandle {
    const path = pathOf({ ...call, query: { ...call.query, watch: 'true' } });
    let stopped = false;
    let stream: ClientHttp2Stream | undefined;
    const end = (error?: unknown) => {
      if (stopped) return;
      stopped = true;
      sink.end(error);
    };
    const follow = async () => {
      const sent = this.#send('GET', path, {});
      stream = sent.stream;
      this.#watches.add(sent.stream);
      sent.stream.on('close', () => this.#watches.delete(sent.stream));
      const { status } = await sent.response;
      if (status >= 400) throw errorFromBody(status, await readText(sent.stream));
      const decoder = new WatchDecoder();
      for await (const chunk of sent.stream as AsyncIterable<Buffer>) {
        const batch = decoder.push(chunk);
        if (!stopped && batch.events.length > 0) sink.events(batch.events);
        if (batch.error) throw batch.error;
      }
    };
    follow().then(
      () => end(),
      (error: unknown) => end(connectionError(error)),
    );
    return {
      stop() {
        stopped = true;
        stream?.destroy();
      },
    };
  }

  /** Any path of the server, for health checks and streams. Rejects only when there is no answer at all. */
  async raw(method: string, path: string, request: RawRequest = {}): Promise<RawResponse> {
    const { stream, response } = this.#send(method, path, request);
    const abort = () => stream.destroy();
    if (request.signal?.aborted) abort();
    request.signal?.addEventListener('abort', abort, { once: true });
    stream.on('close', () => request.signal?.removeEventListener('abort', abort));
    const { status, headers } = await response;
    return { status, headers, stream };
  }

  /** Throws ServiceUnavailable while there is no connection and none may be tried yet. */
  #send(method: string, path: string, { headers = {}, body }: RawRequest) {
    const all: OutgoingHttpHeaders = {
      ':method': method,
      ':path': path,
      accept: 'application/json',
      'user-agent': this.#options.userAgent ?? 'knarr',
      ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
      ...headers,
    };
    const stream = this.#connection.request(all);
    const response = responseOf(stream);
    // A caller that gave up does not look at it any more.
    response.catch(() => {});
    if (body === undefined) stream.end();
    else stream.end(body);
    return { stream, response };
  }
}

function responseOf(stream: ClientHttp2Stream): Promise<{ status: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(unavailable('the connection was lost before an answer came'));
    stream.on('response', (headers) => {
      stream.off('close', closed);
      resolve({ status: headers[':status'] ?? 0, headers });
    });
    stream.on('error', (error) => reject(connectionError(error)));
    stream.on('close', closed);
  });
}

async function readText(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBodyBytes)
        throw StatusError.of('RequestEntityTooLarge', `the answer is over ${maxBodyBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const connectionError = (error: unknown): StatusError => (error instanceof StatusError ? error : lost(error));
