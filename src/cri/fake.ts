import type { ImageService, PodSandboxConfig, ContainerConfig, RuntimeService } from '../api/generated/cri.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { Cri, ImageFiles, TaskEvent, TaskEventSink } from './cri.ts';
import { FakeContainers } from './fake-containers.ts';
import type { FakeImage } from './fake-images.ts';
import { FakeImages } from './fake-images.ts';
import { FakeSandboxes } from './fake-sandboxes.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/** What a container does when it is started. Without anything it runs until it is stopped. */
export interface ContainerBehavior {
  /** How long StartContainer takes. */
  startDelayMs?: number;
  /** StartContainer fails with this message, as for a command that does not exist. */
  startError?: string;
  /** The main process ends by itself; `oom` as if the kernel had killed it (exit code 137). */
  exit?: { afterMs: number; code?: number; oom?: boolean };
  /** Its answer to SIGTERM; ends at once with 143 by default. `ignore` waits for the SIGKILL. */
  onTerm?: 'ignore' | { afterMs: number; code: number };
  /** What a command run by ExecSync does; it succeeds at once by default. */
  exec?(command: readonly string[]): ExecOutcome;
  /** What the statistics say while it runs. */
  usage?: { milliCpu: number; memoryBytes: number };
}

export interface ExecOutcome {
  afterMs?: number;
  exitCode: number;
  stdout?: string;
  stderr?: string;
}

export interface FakeCriOptions {
  /** Decides what each container does; called when it is created. */
  behavior?(config: ContainerConfig, sandbox: PodSandboxConfig): ContainerBehavior;
  /** The images that exist, on the node or in a registry. All others cannot be pulled. */
  images?: readonly FakeImage[];
  /** The address of the n-th sandbox (from 0); 10.244.0.2 and upwards by default. */
  podIP?(index: number): string;
  /** How long calls take, by method. */
  delaysMs?: Partial<Record<keyof RuntimeService | keyof ImageService, number>>;
}

/**
 * A container runtime in memory, for tests and simulations: time and chance are the caller's, containers follow a script.
 * It keeps states, times, reasons, events and errors as containerd 1.6 does; `cri.contract.ts` is what both pass.
 */
export class FakeCri implements Cri {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly imageFiles: ImageFiles;
  readonly #clock: Clock;
  readonly #delaysMs: NonNullable<FakeCriOptions['delaysMs']>;
  readonly #sinks = new Set<TaskEventSink>();
  readonly #containers: FakeContainers;
  readonly #sandboxes: FakeSandboxes;
  #down = false;

  constructor(deps: { clock: Clock; rng: Rng }, options: FakeCriOptions = {}) {
    const { clock, rng } = deps;
    this.#clock = clock;
    this.#delaysMs = options.delaysMs ?? {};
    const emit = (event: TaskEvent) => this.#emit(event);
    const images = new FakeImages(clock, options.images ?? []);
    this.#sandboxes = new FakeSandboxes({ clock, rng, emit }, options.podIP ?? defaultPodIP);
    this.#containers = new FakeContainers(
      { clock, rng, emit, images, sandboxes: this.#sandboxes },
      options.behavior ?? (() => ({})),
    );
    this.runtime = this.#service<RuntimeService>({
      ...unimplemented,
      ...nodeCalls,
      ...this.#sandboxes.calls(this.#containers),
      ...this.#containers.calls(),
    });
    this.images = this.#service<ImageService>(images.calls());
    this.imageFiles = images.files;
  }

  subscribe(sink: TaskEventSink): { stop(): void } {
    this.#sinks.add(sink);
    return { stop: () => this.#sinks.delete(sink) };
  }

  close(): void {
    this.#sinks.clear();
  }

  /** The runtime dies: streams end and calls fail with `Unavailable`, containers go on. */
  disconnect(): void {
    this.#down = true;
    const sinks = [...this.#sinks];
    this.#sinks.clear();
    for (const sink of sinks) sink.end(new RpcError('Unavailable', 'the runtime is down'));
  }

  reconnect(): void {
    this.#down = false;
  }

  /** The main process of a running container ends. */
  exit(containerId: string, code: number, options: { oom?: boolean } = {}): void {
    this.#containers.exit(containerId, { code, oom: options.oom ?? false });
  }

  /** A sandbox's pause process dies, as after a reboot. Its containers are left to themselves. */
  exitSandbox(podSandboxId: string): void {
    this.#sandboxes.exit(podSandboxId);
  }

  #emit(event: TaskEvent): void {
    for (const sink of this.#sinks) sink.event(event);
  }

  /** Each call takes its time, and fails while the runtime is down. */
  #service<S extends object>(calls: S): S {
    const entries = Object.entries(calls).map(([name, call]) => [
      name,
      async (request: object) => {
        const delayMs = (this.#delaysMs as Record<string, number | undefined>)[name] ?? 0;
        if (delayMs > 0) await sleep(this.#clock, delayMs);
        if (this.#down) throw new RpcError('Unavailable', 'the runtime is down');
        return await call(request);
      },
    ]);
    return Object.fromEntries(entries) as S;
  }
}

function defaultPodIP(index: number): string {
  const host = index + 2;
  return `10.244.${(host >> 8) & 255}.${host & 255}`;
}

const condition = (type: string) => ({ type, status: true });

const nodeCalls = {
  Version: async () => ({
    version: '0.1.0',
    runtimeName: 'fake',
    runtimeVersion: '1',
    runtimeApiVersion: 'v1',
  }),
  Status: async () => ({ status: { conditions: [condition('RuntimeReady'), condition('NetworkReady')] } }),
  UpdateRuntimeConfig: async () => ({}),
};

const refuse = (name: string) => async (): Promise<never> => {
  throw new RpcError('Unimplemented', `the fake runtime has no ${name}`);
};

const unimplemented = {
  Exec: refuse('Exec'),
  Attach: refuse('Attach'),
  PortForward: refuse('PortForward'),
  CheckpointContainer: refuse('CheckpointContainer'),
  ListMetricDescriptors: refuse('ListMetricDescriptors'),
  ListPodSandboxMetrics: refuse('ListPodSandboxMetrics'),
  RuntimeConfig: refuse('RuntimeConfig'),
  UpdatePodSandboxResources: refuse('UpdatePodSandboxResources'),
};
