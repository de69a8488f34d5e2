import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { GrpcChannel } from '../../rpc/grpc-channel.ts';
import type { RpcMethod } from '../../rpc/protobuf.ts';

export interface PluginConnectionDeps {
  clock: Clock;
  /** Of the service that the plugin serves, by name. */
  methods: ReadonlyMap<string, RpcMethod>;
}

/** The kernel takes no longer path of a socket (unix(7)), without the zero at its end. */
const maxSocketPath = 107;

/** One service of a plugin, at its socket on this machine. */
export class PluginConnection {
  readonly #channel: GrpcChannel;
  readonly #methods: ReadonlyMap<string, RpcMethod>;
  /** Open where the path is too long: a pod sees the node's folder under a shorter one. */
  readonly #folder: number | undefined;

  constructor(socketPath: string, { clock, methods }: PluginConnectionDeps) {
    const isLong = Buffer.byteLength(socketPath) > maxSocketPath;
    this.#folder = isLong ? openSync(dirname(socketPath), 'r') : undefined;
    const path = isLong ? `/proc/self/fd/${this.#folder}/${basename(socketPath)}` : socketPath;
    this.#channel = new GrpcChannel({ address: `unix://${path}` }, clock);
    this.#methods = methods;
  }

  /** Rejects with `RpcError`. A plugin that does not answer must not hold anybody for ever: so long at most. */
  call<R extends object>(name: string, request: object, timeoutMs: number): Promise<R> {
    return this.#channel.unary<object, R>(this.#method(name), request, { timeoutMs });
  }

  /** Messages for as long as the plugin lives; waits for a socket that does not listen yet. */
  stream(name: string, request: object): ReturnType<GrpcChannel['serverStream']> {
    return this.#channel.serverStream(this.#method(name), request, { waitForReady: true });
  }

  close(): void {
    this.#channel.close();
    if (this.#folder !== undefined) closeSync(this.#folder);
  }

  #method(name: string): RpcMethod {
    const method = this.#methods.get(name);
    if (!method) throw new Error(`the plugin's API has no ${name}`);
    return method;
  }
}
