import type { Clock } from '../../base/clock.ts';
import type { RpcMethod } from '../../rpc/protobuf.ts';
import { PluginConnection } from '../plugins/plugin-connection.ts';
import type { DeviceInfo } from './allocations.ts';
import type { ContainerAllocation, PluginDevice, RegisterRequest } from './device-plugin-api.ts';

/** A plugin that does not answer must not hold a pod for ever. */
const callMs = 30_000;

export interface PluginSink {
  devices(devices: DeviceInfo[]): void;
  /** The plugin is gone, or its stream broke. */
  ended(): void;
}

/** The device plugin of one resource, as the node talks to it. */
export class PluginClient {
  readonly options: NonNullable<RegisterRequest['options']>;
  readonly #connection: PluginConnection;
  readonly #cancel: () => void;
  #isOver = false;

  constructor(
    at: { socketPath: string; options: RegisterRequest['options'] },
    deps: { clock: Clock; methods: Map<string, RpcMethod> },
    sink: PluginSink,
  ) {
    this.options = at.options ?? {};
    this.#connection = new PluginConnection(at.socketPath, deps);
    const stream = this.#connection.stream('ListAndWatch', {});
    const end = () => {
      if (this.#isOver) return;
      this.close();
      sink.ended();
    };
    stream.on('data', (message: object) => {
      const { devices = [] } = message as { devices?: PluginDevice[] };
      if (!this.#isOver) sink.devices(devices.map(infoOf));
    });
    stream.on('error', end);
    stream.on('end', end);
    this.#cancel = () => stream.cancel();
  }

  async allocate(deviceIds: readonly string[]): Promise<ContainerAllocation> {
    const request = { containerRequests: [{ deviceIds }] };
    const { containerResponses = [] } = await this.#call<{ containerResponses?: ContainerAllocation[] }>(
      'Allocate',
      request,
    );
    return containerResponses[0] ?? {};
  }

  /** Which of the available devices go well together; undefined: the plugin has no opinion. */
  async preferred(available: readonly string[], size: number): Promise<string[] | undefined> {
    if (!this.options.getPreferredAllocationAvailable) return undefined;
    const request = { containerRequests: [{ available, mustInclude: [], size }] };
    const { containerResponses = [] } = await this.#call<{ containerResponses?: { deviceIds?: string[] }[] }>(
      'GetPreferredAllocation',
      request,
    );
    return containerResponses[0]?.deviceIds;
  }

  /** Before each start of a container, for plugins that want it. */
  async preStart(deviceIds: readonly string[]): Promise<void> {
    if (this.options.preStartRequired) await this.#call('PreStartContainer', { deviceIds });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel();
    this.#connection.close();
  }

  #call<R extends object>(name: string, request: object): Promise<R> {
    return this.#connection.call<R>(name, request, callMs);
  }
}

const infoOf = ({ ID = '', health, topology }: PluginDevice): DeviceInfo => ({
  id: ID,
  isHealthy: health === 'Healthy',
  numaNodes: (topology?.nodes ?? []).map((node) => node.ID ?? 0),
});
