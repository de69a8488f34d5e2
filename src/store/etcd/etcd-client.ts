import { etcdDescriptor, type KV, type WatchRequest, type WatchResponse } from '../../api/generated/etcd.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { GrpcChannel } from '../../rpc/grpc-channel.ts';
import { ProtobufSchema, type RpcMethod } from '../../rpc/protobuf.ts';
import { hasRpcCode } from '../../rpc/rpc-error.ts';

export interface EtcdOptions {
  /** `http://127.0.0.1:2379`, or `https://…` with `tls`; several members by their IP addresses. */
  endpoints: readonly string[];
  /** PEM. */
  tls?: { ca: string; cert?: string; key?: string };
}

/** An open watch stream. `send` may be called at any time before `close`. */
export interface EtcdWatch {
  send(request: WatchRequest): void;
  close(): void;
}

export interface EtcdWatchSink {
  response(response: WatchResponse): void;
  /** The stream broke: open another one. */
  end(error: unknown): void;
}

const callTimeoutMs = 10_000;
/** etcd allows a question every five seconds. A member that stands still is left for another one. */
const keepalive = { everyMs: 6000, timeoutMs: 3000 };

/** The part of etcd's v3 API (3.4 and later) that a journal needs. Calls wait for a connection, up to ten seconds. */
export class EtcdClient {
  readonly kv: Pick<KV, 'Range' | 'Txn' | 'Compact'>;
  readonly #channel: GrpcChannel;
  readonly #watch: RpcMethod;

  constructor({ clock }: { clock: Clock }, { endpoints, tls }: EtcdOptions) {
    this.#channel = new GrpcChannel({ address: addressOf(endpoints), tls, keepalive }, clock);
    const schema = new ProtobufSchema(etcdDescriptor);
    const methods = schema.methods('etcdserverpb.KV');
    const call =
      <Q extends object, R extends object>(name: string) =>
      (request: Q): Promise<R> =>
        this.#channel
          .unary<Q, R>(methods.get(name) as RpcMethod, request, { timeoutMs: callTimeoutMs, waitForReady: true })
          .catch((error: unknown) => {
            throw statusErrorOf(error);
          });
    this.kv = { Range: call('Range'), Txn: call('Txn'), Compact: call('Compact') };
    this.#watch = schema.methods('etcdserverpb.Watch').get('Watch') as RpcMethod;
  }

  watch(sink: EtcdWatchSink): EtcdWatch {
    const stream = this.#channel.bidiStream(this.#watch, { waitForReady: true });
    let isOpen = true;
    const end = (error: unknown) => {
      if (!isOpen) return;
      isOpen = false;
      stream.cancel();
      sink.end(error);
    };
    stream.on('data', (response: WatchResponse) => isOpen && sink.response(response));
    stream.on('error', end);
    stream.on('end', () => end(undefined));
    return {
      send: (request) => stream.write(request),
      close() {
        isOpen = false;
        stream.cancel();
      },
    };
  }

  close(): void {
    this.#channel.close();
  }
}

/** grpc takes one name, or several addresses. */
function addressOf(endpoints: readonly string[]): string {
  const hosts = endpoints.map((endpoint) => new URL(endpoint).host);
  return hosts.length === 1 ? (hosts[0] as string) : `ipv4:${hosts.join(',')}`;
}

/** Compacted revisions and requests that are too large keep their code: the journal knows what to do. */
const keptCodes = ['OutOfRange', 'ResourceExhausted'] as const;

function statusErrorOf(error: unknown): unknown {
  if (hasRpcCode(error, ...keptCodes)) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new StatusError(StatusError.of('ServiceUnavailable', `etcd: ${text}`).status, { cause: error });
}
