import grpc from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import type { RpcMethod } from './protobuf.ts';
import { RpcError, rpcErrorFrom } from './rpc-error.ts';

export interface CallOptions {
  /** Milliseconds until the call is given up with `DeadlineExceeded`; streams without one have no end. */
  timeoutMs?: number;
  /** A call made while there is no connection waits for one instead of failing. */
  waitForReady?: boolean;
  /** gRPC metadata. */
  headers?: Record<string, string>;
}

/** Replies to lists of many containers are large; grpc's own limit is 4 MiB. */
const maxMessageBytes = 16 << 20;

/** Where the other side listens: `unix:///path` or `host:port`, the latter with TLS when there is a CA. */
export interface GrpcTarget {
  address: string;
  /** PEM. */
  tls?: { ca: string; cert?: string; key?: string };
  /** A peer on another machine may fall silent without closing: it is asked so often, and given up when it does not answer. */
  keepalive?: { everyMs: number; timeoutMs: number };
}

/** One gRPC connection. It reconnects by itself; calls made while it is down fail with `Unavailable`. */
export class GrpcChannel {
  readonly #client: grpc.Client;
  readonly #clock: Clock;

  constructor(target: GrpcTarget, clock: Clock) {
    this.#clock = clock;
    this.#client = new grpc.Client(target.address, credentialsFor(target), {
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      // A socket on this machine answers or is gone: come back quickly, and never by way of a web proxy.
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 500,
      'grpc.enable_http_proxy': 0,
      // Two nodes of one process must not share a connection, nor one's back-off.
      'grpc.use_local_subchannel_pool': 1,
      ...(target.keepalive && {
        'grpc.keepalive_time_ms': target.keepalive.everyMs,
        'grpc.keepalive_timeout_ms': target.keepalive.timeoutMs,
      }),
    });
  }

  unary<Q extends object, R extends object>(method: RpcMethod, request: Q, options: CallOptions = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<object, object>(
        method.path,
        method.request.encode,
        method.response.decode,
        request,
        metadata(options),
        this.#callOptions(options),
        (error, response) => (error ? reject(rpcErrorFrom(error)) : resolve(response as R)),
      );
    });
  }

  serverStream(method: RpcMethod, request: object, options: CallOptions = {}): grpc.ClientReadableStream<object> {
    return this.#client.makeServerStreamRequest<object, object>(
      method.path,
      method.request.encode,
      method.response.decode,
      request,
      metadata(options),
      this.#callOptions(options),
    );
  }

  bidiStream(method: RpcMethod, options: CallOptions = {}): grpc.ClientDuplexStream<object, object> {
    return this.#client.makeBidiStreamRequest<object, object>(
      method.path,
      method.request.encode,
      method.response.decode,
      metadata(options),
      this.#callOptions(options),
    );
  }

  /** Resolves when the connection stands. Rejects with `Unavailable` after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(this.#clock.now() + timeoutMs, (error) =>
        error ? reject(new RpcError('Unavailable', 'no connection', { cause: error })) : resolve(),
      );
    });
  }

  close(): void {
    this.#client.close();
  }

  #callOptions(options: CallOptions): grpc.CallOptions {
    return options.timeoutMs === undefined ? {} : { deadline: this.#clock.now() + options.timeoutMs };
  }
}

function credentialsFor({ tls }: GrpcTarget): grpc.ChannelCredentials {
  if (!tls) return grpc.credentials.createInsecure();
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
}

function metadata(options: CallOptions): grpc.Metadata {
  const result = new grpc.Metadata({ waitForReady: options.waitForReady ?? false });
  for (const [key, value] of Object.entries(options.headers ?? {})) result.set(key, value);
  return result;
}
