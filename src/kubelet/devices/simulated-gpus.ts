import { type FSWatcher, watch } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { GrpcChannel } from '../../rpc/grpc-channel.ts';
import { GrpcServer, type StreamHandler, type UnaryHandler } from '../../rpc/grpc-server.ts';
import { deviceApis } from './device-plugin-api.ts';

export interface SimulatedGpusOptions {
  /** Where the node listens for plugins. */
  folder: string;
  /** What pods ask for: `nvidia.com/gpu`. */
  resource: string;
  /** Ids, with the NUMA node of each. */
  gpus: Record<string, number>;
  /** Which ones go well together; without it the node decides. */
  prefer?: (available: readonly string[], size: number) => string[];
}

const { registration, plugin } = deviceApis();

/** Of a plugin that offers `nvidia.com/gpu`; several plugins share the folder. */
const socketOf = (resource: string) => `simulated-${resource.replace(/[^a-zA-Z0-9]+/g, '-')}.sock`;
const nodeSocket = 'kubelet.sock';

/**
 * A device plugin for GPUs that are not there (KEP-3573): it speaks to the node as any plugin does, over sockets, and gives each
 * container `GPU_IDS`, /dev/null as its device, and a file to mount. With it, what counts and shares GPUs is tried out on any
 * machine.
 */
export class SimulatedGpus {
  readonly #options: SimulatedGpusOptions;
  readonly #socket: string;
  readonly #health = new Map<string, boolean>();
  readonly #watchers = new Set<() => void>();
  /** What it was asked, in order. */
  readonly calls: string[] = [];
  readonly #clock: Clock;
  #server: GrpcServer | undefined;
  #watcher: FSWatcher | undefined;

  constructor({ clock }: { clock: Clock }, options: SimulatedGpusOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#socket = join(options.folder, socketOf(options.resource));
    for (const id of Object.keys(options.gpus)) this.#health.set(id, true);
  }

  /** Listens, then tells the node that it is there. */
  async start(): Promise<void> {
    await rm(this.#socket, { force: true });
    const unary: Record<string, UnaryHandler> = {
      GetDevicePluginOptions: async () => this.#pluginOptions,
      GetPreferredAllocation: async (request) => {
        const [{ available = [], size = 0 } = {}] =
          (request as { containerRequests?: { available?: string[]; size?: number }[] }).containerRequests ?? [];
        return { containerResponses: [{ deviceIds: this.#options.prefer?.(available, size) }] };
      },
      Allocate: async (request) => {
        const [{ deviceIds = [] } = {}] =
          (request as { containerRequests?: { deviceIds?: string[] }[] }).containerRequests ?? [];
        this.calls.push(`allocate ${deviceIds.join(',')}`);
        return {
          containerResponses: [
            {
              envs: { GPU_IDS: deviceIds.join(',') },
              devices: deviceIds.map((id) => ({
                ...{ containerPath: `/dev/${id}`, hostPath: '/dev/null', permissions: 'rw' },
              })),
              mounts: [{ containerPath: '/gpu/version', hostPath: '/proc/version', readOnly: true }],
              annotations: { 'gpu.test/ids': deviceIds.join(',') },
            },
          ],
        };
      },
      PreStartContainer: async (request) => {
        this.calls.push(`prestart ${(request as { deviceIds?: string[] }).deviceIds?.join(',')}`);
        return {};
      },
    };
    const listAndWatch: StreamHandler = (_, send, signal) => {
      const tell = () => send({ devices: this.#devices() });
      this.#watchers.add(tell);
      signal.addEventListener('abort', () => this.#watchers.delete(tell));
      tell();
    };
    this.#server = await GrpcServer.listen(
      this.#socket,
      [...plugin].map(([name, method]) =>
        name === 'ListAndWatch' ? { method, stream: listAndWatch } : { method, unary: unary[name] as UnaryHandler },
      ),
    );
    await this.register();
    this.#follow();
  }

  /** A node that starts again makes a new socket, and knows nobody. */
  #follow(): void {
    const { folder } = this.#options;
    let isRegistering = false;
    this.#watcher = watch(folder, (_, file) => {
      if (file !== nodeSocket || isRegistering) return;
      isRegistering = true;
      // Refused or gone again: the next socket is the next chance.
      void this.register()
        .catch(() => undefined)
        .finally(() => {
          isRegistering = false;
        });
    });
    // The folder of a node that is removed.
    this.#watcher.on('error', () => this.#watcher?.close());
  }

  /** Rejects with the node's refusal. */
  async register(over: { version?: string; resourceName?: string; endpoint?: string } = {}): Promise<void> {
    const { folder, resource } = this.#options;
    const channel = new GrpcChannel({ address: `unix://${join(folder, nodeSocket)}` }, this.#clock);
    const method = registration.get('Register');
    if (!method) throw new Error('no Register');
    const own = {
      version: 'v1beta1',
      endpoint: socketOf(resource),
      resourceName: resource,
      options: this.#pluginOptions,
    };
    await channel.unary(method, { ...own, ...over }, { waitForReady: true }).finally(() => channel.close());
  }

  /** A GPU breaks, or is well again. */
  setHealth(id: string, isHealthy: boolean): void {
    this.#health.set(id, isHealthy);
    for (const tell of this.#watchers) tell();
  }

  stop(): void {
    this.#watcher?.close();
    this.#server?.close();
    this.#watchers.clear();
  }

  get #pluginOptions() {
    return { preStartRequired: true, getPreferredAllocationAvailable: this.#options.prefer !== undefined };
  }

  #devices(): object[] {
    return Object.entries(this.#options.gpus).map(([ID, numa]) => ({
      ...{ ID, health: this.#health.get(ID) ? 'Healthy' : 'Unhealthy', topology: { nodes: [{ ID: numa }] } },
    }));
  }
}
