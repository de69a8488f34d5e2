import type { Clock } from '../../base/clock.ts';
import type { RpcMethod } from '../../rpc/protobuf.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { PluginConnection } from '../plugins/plugin-connection.ts';
import type { NodeCapability, NodeInfo, VolumeCapability } from './csi-api.ts';

/** As long as Kubernetes waits for a driver. */
const callMs = 120_000;

export interface StageRequest {
  volumeId: string;
  publishContext: Record<string, string>;
  stagingTargetPath: string;
  volumeCapability: VolumeCapability;
  secrets: Record<string, string>;
  volumeContext: Record<string, string>;
}

export interface PublishRequest extends StageRequest {
  targetPath: string;
  readonly: boolean;
}

export interface ExpandRequest {
  volumeId: string;
  volumePath: string;
  capacityRange: { requiredBytes: number };
  stagingTargetPath: string;
  volumeCapability: VolumeCapability;
  secrets: Record<string, string>;
}

export interface CsiDriverOptions {
  name: string;
  /** On this machine. */
  socketPath: string;
  /** Where the driver sees a path of this node: the folders that it mounts into may be elsewhere in its own world. */
  seenPath(path: string): string;
}

/** The node's side of one CSI driver. Paths are those of this machine. Calls reject in the words of Kubernetes' events. */
export class CsiDriver {
  readonly name: string;
  readonly #seen: (path: string) => string;
  readonly #connection: PluginConnection;
  #capabilities: Promise<ReadonlySet<NodeCapability>> | undefined;

  constructor(
    { name, socketPath, seenPath }: CsiDriverOptions,
    deps: { clock: Clock; methods: Map<string, RpcMethod> },
  ) {
    this.name = name;
    this.#seen = (path) => (path === '' ? '' : seenPath(path));
    this.#connection = new PluginConnection(socketPath, deps);
  }

  info(): Promise<NodeInfo> {
    return this.#call('NodeGetInfo', {});
  }

  /** What it can do; asked once for as long as it is registered. */
  capabilities(): Promise<ReadonlySet<NodeCapability>> {
    this.#capabilities ??= this.#askCapabilities().catch((error: unknown) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }

  async stage(request: StageRequest): Promise<void> {
    await this.#call('NodeStageVolume', this.#withSeen(request, 'stagingTargetPath'));
  }

  async unstage(volumeId: string, stagingTargetPath: string): Promise<void> {
    await this.#call('NodeUnstageVolume', this.#withSeen({ volumeId, stagingTargetPath }, 'stagingTargetPath'));
  }

  async publish(request: PublishRequest): Promise<void> {
    await this.#call('NodePublishVolume', this.#withSeen(request, 'stagingTargetPath', 'targetPath'));
  }

  async unpublish(volumeId: string, targetPath: string): Promise<void> {
    await this.#call('NodeUnpublishVolume', this.#withSeen({ volumeId, targetPath }, 'targetPath'));
  }

  /** Answers the new size in bytes; 0 when the driver does not say. */
  async expand(request: ExpandRequest): Promise<number> {
    const seen = this.#withSeen(request, 'stagingTargetPath', 'volumePath');
    const { capacityBytes = 0 } = await this.#call<{ capacityBytes?: number }>('NodeExpandVolume', seen);
    return capacityBytes;
  }

  close(): void {
    this.#connection.close();
  }

  async #askCapabilities(): Promise<ReadonlySet<NodeCapability>> {
    type Answer = { capabilities?: { rpc?: { type?: NodeCapability } }[] };
    const { capabilities = [] } = await this.#call<Answer>('NodeGetCapabilities', {});
    return new Set(capabilities.flatMap(({ rpc }) => rpc?.type ?? []));
  }

  async #call<R extends object>(name: string, request: object): Promise<R> {
    try {
      return await this.#connection.call<R>(name, request, callMs);
    } catch (error) {
      throw error instanceof RpcError ? new DriverError(error) : error;
    }
  }

  #withSeen<R extends object, K extends keyof R>(request: R, ...paths: K[]): R {
    return { ...request, ...Object.fromEntries(paths.map((name) => [name, this.#seen(request[name] as string)])) };
  }
}

/** The codes after which a call may still have done, or still be doing, what it was asked for. */
const uncertainCodes = new Set(['Canceled', 'DeadlineExceeded', 'Unavailable', 'ResourceExhausted', 'Aborted']);

const infeasibleCodes = new Set(['InvalidArgument', 'OutOfRange', 'NotFound']);

/** A driver refused or did not answer. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  /** Nothing was done and nothing is under way. */
  readonly isFinal: boolean;
  /** It will not do this, however often it is asked. */
  readonly isInfeasible: boolean;

  constructor(cause: RpcError) {
    super(`rpc error: code = ${cause.code} desc = ${cause.message}`, { cause });
    this.isFinal = !uncertainCodes.has(cause.code);
    this.isInfeasible = infeasibleCodes.has(cause.code);
  }
}
