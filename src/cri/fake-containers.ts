import type {
  ContainerConfig,
  ContainerState,
  ContainerStats,
  ContainerStatus,
  LinuxContainerResources,
  PodSandboxConfig,
  RuntimeService,
} from '../api/generated/cri.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { TaskEvent } from './cri.ts';
import type { ContainerBehavior } from './fake.ts';
import type { FakeImages } from './fake-images.ts';
import { imageId } from './fake-images.ts';
import type { FakeSandboxes } from './fake-sandboxes.ts';
import { hasLabels, nanos, runtimeId } from './fake-sandboxes.ts';
import { RpcError } from '../rpc/rpc-error.ts';

interface FakeContainer {
  id: string;
  sandboxId: string;
  config: ContainerConfig;
  behavior: ContainerBehavior;
  imageRef: string;
  state: ContainerState;
  starting: boolean;
  createdAtMs: number;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
  exitCode: number;
  reason: string | undefined;
  message: string | undefined;
  resources: LinuxContainerResources | undefined;
  /** Cancels of what is planned: its own end, its answer to SIGTERM. */
  planned: (() => void)[];
  /** Called when it ends. */
  waiters: (() => void)[];
}

type ContainerCalls = Pick<
  RuntimeService,
  | 'CreateContainer'
  | 'StartContainer'
  | 'StopContainer'
  | 'RemoveContainer'
  | 'ListContainers'
  | 'ContainerStatus'
  | 'UpdateContainerResources'
  | 'ReopenContainerLog'
  | 'ExecSync'
  | 'ContainerStats'
  | 'ListContainerStats'
>;

interface Deps {
  clock: Clock;
  rng: Rng;
  images: FakeImages;
  sandboxes: FakeSandboxes;
  emit(event: TaskEvent): void;
}

const sigKill = 137;
const sigTerm = 143;

export class FakeContainers {
  readonly #deps: Deps;
  readonly #behavior: (config: ContainerConfig, sandbox: PodSandboxConfig) => ContainerBehavior;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #names = new Map<string, string>();

  constructor(deps: Deps, behavior: (config: ContainerConfig, sandbox: PodSandboxConfig) => ContainerBehavior) {
    this.#deps = deps;
    this.#behavior = behavior;
  }

  calls(): ContainerCalls {
    return {
      CreateContainer: async ({ podSandboxId, config = {} }) => ({ containerId: this.#create(podSandboxId, config) }),
      StartContainer: async ({ containerId }) => await this.#start(this.#find(containerId)),
      StopContainer: async ({ containerId, timeout }) => await this.#stop(this.#find(containerId), timeout ?? 0),
      RemoveContainer: async ({ containerId = '' }) => {
        this.#remove(containerId);
        return {};
      },
      ListContainers: async ({ filter }) => ({
        containers: [...this.#containers.values()]
          .filter((c) => !filter?.id || c.id.startsWith(filter.id))
          .filter((c) => !filter?.podSandboxId || c.sandboxId === filter.podSandboxId)
          .filter((c) => !filter?.state || c.state === (filter.state.state ?? 'CONTAINER_CREATED'))
          .filter((c) => hasLabels(c.config.labels, filter?.labelSelector))
          .map(describe),
      }),
      ContainerStatus: async ({ containerId }) => {
        const container = this.#find(containerId);
        return { status: status(container, this.#logDirectory(container)) };
      },
      UpdateContainerResources: async ({ containerId, linux }) => {
        const container = this.#find(containerId);
        container.resources = { ...container.resources, ...linux };
        return {};
      },
      ReopenContainerLog: async ({ containerId }) => {
        requireRunning(this.#find(containerId));
        return {};
      },
      ExecSync: async ({ containerId, cmd = [], timeout }) =>
        await this.#exec(this.#find(containerId), cmd, timeout ?? 0),
      ContainerStats: async ({ containerId }) => ({ stats: this.#stats(this.#find(containerId)) }),
      ListContainerStats: async ({ filter }) => ({
        stats: [...this.#containers.values()]
          .filter((c) => c.state === 'CONTAINER_RUNNING' && (!filter?.id || c.id.startsWith(filter.id)))
          .filter((c) => !filter?.podSandboxId || c.sandboxId === filter.podSandboxId)
          .filter((c) => hasLabels(c.config.labels, filter?.labelSelector))
          .map((c) => this.#stats(c)),
      }),
    };
  }

  exit(id: string, { code, oom }: { code: number; oom: boolean }): void {
    this.#end(this.#find(id), code, oom);
  }

  killAllOf(sandboxId: string): void {
    for (const container of this.#of(sandboxId)) this.#end(container, sigKill);
  }

  removeAllOf(sandboxId: string): void {
    for (const container of this.#of(sandboxId)) this.#remove(container.id);
  }

  statsOf(sandboxId: string): ContainerStats[] {
    const running = this.#of(sandboxId).filter((container) => container.state === 'CONTAINER_RUNNING');
    return running.map((container) => this.#stats(container));
  }

  #of(sandboxId: string): FakeContainer[] {
    return [...this.#containers.values()].filter((container) => container.sandboxId === sandboxId);
  }

  #find(id: string | undefined): FakeContainer {
    const container = this.#containers.get(id ?? '');
    if (!container) throw new RpcError('NotFound', `an error occurred when try to find container "${id}": not found`);
    return container;
  }

  #create(podSandboxId: string | undefined, config: ContainerConfig): string {
    const { clock, rng, images, sandboxes } = this.#deps;
    const sandbox = sandboxes.find(podSandboxId);
    const name = this.#nameOf(sandbox.id, config);
    const holder = this.#names.get(name);
    if (holder) throw new RpcError('Unknown', `failed to reserve container name "${name}": reserved for "${holder}"`);
    const image = images.find(config.image);
    if (!image) throw new RpcError('NotFound', `failed to resolve image "${config.image?.image}": not found`);
    if (sandbox.state !== 'SANDBOX_READY') throw new RpcError('Unknown', `sandbox "${sandbox.id}" does not run`);
    const id = runtimeId(rng);
    this.#names.set(name, id);
    this.#containers.set(id, {
      id,
      sandboxId: sandbox.id,
      config,
      behavior: this.#behavior(config, sandbox.config),
      imageRef: imageId(image.ref),
      state: 'CONTAINER_CREATED',
      starting: false,
      createdAtMs: clock.now(),
      startedAtMs: undefined,
      finishedAtMs: undefined,
      exitCode: 0,
      reason: undefined,
      message: undefined,
      resources: config.linux?.resources,
      planned: [],
      waiters: [],
    });
    return id;
  }

  async #start(container: FakeContainer): Promise<object> {
    const { clock, emit } = this.#deps;
    if (container.state !== 'CONTAINER_CREATED' || container.starting) {
      throw new RpcError('Unknown', `failed to set starting state: container is in ${container.state} state`);
    }
    const { startDelayMs, startError, exit } = container.behavior;
    container.starting = true;
    if (startDelayMs) await sleep(clock, startDelayMs);
    container.starting = false;
    // It may have been removed while it started.
    this.#find(container.id);
    if (startError) {
      Object.assign(container, { state: 'CONTAINER_EXITED', finishedAtMs: clock.now(), exitCode: 128 });
      Object.assign(container, { reason: 'StartError', message: startError });
      throw new RpcError('Unknown', startError);
    }
    const atMs = clock.now();
    Object.assign(container, { state: 'CONTAINER_RUNNING', startedAtMs: atMs });
    emit({ type: 'create', id: container.id, atMs });
    emit({ type: 'start', id: container.id, atMs });
    if (exit) {
      const code = exit.code ?? (exit.oom ? sigKill : 0);
      container.planned.push(clock.after(exit.afterMs, () => this.#end(container, code, exit.oom)));
    }
    return {};
  }

  /** SIGTERM, and after `timeout` seconds SIGKILL; with 0 at once. Resolves when it has ended. */
  async #stop(container: FakeContainer, timeout: number): Promise<object> {
    if (container.state !== 'CONTAINER_RUNNING') return {};
    const { clock } = this.#deps;
    const onTerm = container.behavior.onTerm ?? { afterMs: 0, code: sigTerm };
    const ended = new Promise<void>((resolve) => container.waiters.push(resolve));
    if (timeout > 0 && onTerm !== 'ignore') {
      container.planned.push(clock.after(onTerm.afterMs, () => this.#end(container, onTerm.code)));
    }
    container.planned.push(clock.after(timeout * 1000, () => this.#end(container, sigKill)));
    await ended;
    return {};
  }

  #end(container: FakeContainer, code: number, oom = false): void {
    if (container.state !== 'CONTAINER_RUNNING') return;
    const { clock, emit } = this.#deps;
    const { id } = container;
    const atMs = clock.now();
    for (const cancel of container.planned.splice(0)) cancel();
    const reason = oom ? 'OOMKilled' : code === 0 ? 'Completed' : 'Error';
    Object.assign(container, { state: 'CONTAINER_EXITED', finishedAtMs: atMs, exitCode: code, reason });
    if (oom) emit({ type: 'oom', id, atMs });
    emit({ type: 'exit', id, exitCode: code, atMs });
    emit({ type: 'delete', id, exitCode: code, atMs });
    for (const wake of container.waiters.splice(0)) wake();
  }

  #remove(id: string): void {
    const container = this.#containers.get(id);
    if (!container) return;
    this.#end(container, sigKill);
    this.#containers.delete(id);
    this.#names.delete(this.#nameOf(container.sandboxId, container.config));
  }

  async #exec(container: FakeContainer, command: string[], timeout: number) {
    requireRunning(container);
    const { afterMs = 0, exitCode, stdout, stderr } = container.behavior.exec?.(command) ?? { exitCode: 0 };
    const limitMs = timeout > 0 ? timeout * 1000 : Number.POSITIVE_INFINITY;
    if (afterMs > 0) await sleep(this.#deps.clock, Math.min(afterMs, limitMs));
    if (afterMs > limitMs) {
      throw new RpcError('DeadlineExceeded', `failed to exec in container: timeout ${timeout}s exceeded`);
    }
    return { exitCode, stdout: Buffer.from(stdout ?? ''), stderr: Buffer.from(stderr ?? '') };
  }

  #stats(container: FakeContainer): ContainerStats {
    const timestamp = nanos(this.#deps.clock.now());
    const { milliCpu, memoryBytes } = container.behavior.usage ?? { milliCpu: 0, memoryBytes: 0 };
    const ranMs = this.#deps.clock.now() - (container.startedAtMs ?? this.#deps.clock.now());
    const { metadata, labels, annotations } = container.config;
    return {
      attributes: { id: container.id, metadata, labels, annotations },
      cpu: {
        timestamp,
        usageCoreNanoSeconds: { value: nanos(ranMs) * (milliCpu / 1000) },
        usageNanoCores: { value: milliCpu * 1e6 },
      },
      memory: { timestamp, workingSetBytes: { value: memoryBytes }, usageBytes: { value: memoryBytes } },
    };
  }

  #logDirectory(container: FakeContainer): string {
    return this.#deps.sandboxes.find(container.sandboxId).config.logDirectory ?? '';
  }

  #nameOf(sandboxId: string, { metadata = {} }: ContainerConfig): string {
    return [metadata.name, sandboxId, metadata.attempt ?? 0].join('_');
  }
}

function requireRunning(container: FakeContainer): void {
  if (container.state === 'CONTAINER_RUNNING') return;
  throw new RpcError('Unknown', `container is in ${container.state} state`);
}

const describe = (container: FakeContainer) => ({
  id: container.id,
  podSandboxId: container.sandboxId,
  metadata: container.config.metadata,
  image: container.config.image,
  imageRef: container.imageRef,
  state: container.state,
  createdAt: nanos(container.createdAtMs),
  labels: container.config.labels,
  annotations: container.config.annotations,
});

function status(container: FakeContainer, logDirectory: string): ContainerStatus {
  const { podSandboxId: _, ...described } = describe(container);
  const { startedAtMs, finishedAtMs, exitCode, reason, message, config } = container;
  return {
    ...described,
    exitCode,
    reason,
    message,
    mounts: config.mounts,
    logPath: config.logPath && `${logDirectory}/${config.logPath}`,
    startedAt: startedAtMs === undefined ? undefined : nanos(startedAtMs),
    finishedAt: finishedAtMs === undefined ? undefined : nanos(finishedAtMs),
    resources: { linux: container.resources },
  };
}
