import type { PodSandboxConfig, PodSandboxState, PodSandboxStatus, RuntimeService } from '../api/generated/cri.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { TaskEvent } from './cri.ts';
import type { FakeContainers } from './fake-containers.ts';
import { RpcError } from '../rpc/rpc-error.ts';

export interface FakeSandbox {
  id: string;
  config: PodSandboxConfig;
  state: PodSandboxState;
  createdAtMs: number;
  ip: string | undefined;
  runtimeHandler: string | undefined;
}

type SandboxCalls = Pick<
  RuntimeService,
  | 'RunPodSandbox'
  | 'StopPodSandbox'
  | 'RemovePodSandbox'
  | 'PodSandboxStatus'
  | 'ListPodSandbox'
  | 'PodSandboxStats'
  | 'ListPodSandboxStats'
>;

/** Nanoseconds, as the CRI counts. */
export const nanos = (ms: number): number => ms * 1e6;

/** 64 hexadecimal digits, as containerd's ids. */
export const runtimeId = (rng: Rng): string => Buffer.from(rng.bytes(32)).toString('hex');

/** True when `labels` has every pair of `selector`. */
export const hasLabels = (labels: Record<string, string> = {}, selector: Record<string, string> = {}): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

interface Deps {
  clock: Clock;
  rng: Rng;
  emit(event: TaskEvent): void;
}

export class FakeSandboxes {
  readonly #deps: Deps;
  readonly #podIP: (index: number) => string;
  readonly #sandboxes = new Map<string, FakeSandbox>();
  /** Like containerd, refuses a second sandbox of the same name, namespace, uid and attempt. */
  readonly #names = new Map<string, string>();
  #made = 0;

  constructor(deps: Deps, podIP: (index: number) => string) {
    this.#deps = deps;
    this.#podIP = podIP;
  }

  find(id: string | undefined): FakeSandbox {
    const sandbox = this.#sandboxes.get(id ?? '');
    if (!sandbox) throw new RpcError('NotFound', `an error occurred when try to find sandbox "${id}": not found`);
    return sandbox;
  }

  exit(id: string): void {
    const sandbox = this.find(id);
    if (sandbox.state === 'SANDBOX_NOTREADY') return;
    sandbox.state = 'SANDBOX_NOTREADY';
    const atMs = this.#deps.clock.now();
    this.#deps.emit({ type: 'exit', id, exitCode: 137, atMs });
    this.#deps.emit({ type: 'delete', id, exitCode: 137, atMs });
  }

  calls(containers: FakeContainers): SandboxCalls {
    return {
      RunPodSandbox: async ({ config = {}, runtimeHandler }) => ({ podSandboxId: this.#run(config, runtimeHandler) }),
      StopPodSandbox: async ({ podSandboxId }) => {
        const { id } = this.find(podSandboxId);
        containers.killAllOf(id);
        this.exit(id);
        return {};
      },
      RemovePodSandbox: async ({ podSandboxId = '' }) => {
        this.#remove(podSandboxId, containers);
        return {};
      },
      PodSandboxStatus: async ({ podSandboxId }) => ({ status: status(this.find(podSandboxId)) }),
      ListPodSandbox: async ({ filter }) => ({
        items: [...this.#sandboxes.values()]
          .filter((s) => !filter?.id || s.id.startsWith(filter.id))
          .filter((s) => !filter?.state || s.state === (filter.state.state ?? 'SANDBOX_READY'))
          .filter((s) => hasLabels(s.config.labels, filter?.labelSelector))
          .map(describe),
      }),
      PodSandboxStats: async ({ podSandboxId }) => ({ stats: this.#stats(this.find(podSandboxId), containers) }),
      ListPodSandboxStats: async ({ filter }) => ({
        stats: [...this.#sandboxes.values()]
          .filter((s) => s.state === 'SANDBOX_READY' && (!filter?.id || s.id.startsWith(filter.id)))
          .filter((s) => hasLabels(s.config.labels, filter?.labelSelector))
          .map((sandbox) => this.#stats(sandbox, containers)),
      }),
    };
  }

  #run(config: PodSandboxConfig, runtimeHandler: string | undefined): string {
    const name = nameOf(config);
    const holder = this.#names.get(name);
    if (holder) throw new RpcError('Unknown', `failed to reserve sandbox name "${name}": reserved for "${holder}"`);
    const { clock, rng, emit } = this.#deps;
    const id = runtimeId(rng);
    const onNode = config.linux?.securityContext?.namespaceOptions?.network === 'NODE';
    const ip = onNode ? undefined : this.#podIP(this.#made++);
    const createdAtMs = clock.now();
    this.#sandboxes.set(id, { id, config, state: 'SANDBOX_READY', createdAtMs, ip, runtimeHandler });
    this.#names.set(name, id);
    emit({ type: 'create', id, atMs: createdAtMs });
    emit({ type: 'start', id, atMs: createdAtMs });
    return id;
  }

  /** containerd also stops a sandbox that is asked to go while it runs. */
  #remove(id: string, containers: FakeContainers): void {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    containers.removeAllOf(id);
    this.exit(id);
    this.#sandboxes.delete(id);
    this.#names.delete(nameOf(sandbox.config));
  }

  #stats(sandbox: FakeSandbox, containers: FakeContainers) {
    const own = containers.statsOf(sandbox.id);
    const timestamp = nanos(this.#deps.clock.now());
    const sum = (values: (number | undefined)[]) => values.reduce((total: number, value) => total + (value ?? 0), 0);
    return {
      attributes: attributes(sandbox),
      linux: {
        cpu: { timestamp, usageCoreNanoSeconds: { value: sum(own.map((s) => s.cpu?.usageCoreNanoSeconds?.value)) } },
        memory: { timestamp, workingSetBytes: { value: sum(own.map((s) => s.memory?.workingSetBytes?.value)) } },
        containers: own,
      },
    };
  }
}

const nameOf = ({ metadata = {} }: PodSandboxConfig): string =>
  [metadata.name, metadata.namespace, metadata.uid, metadata.attempt ?? 0].join('_');

const attributes = ({ id, config: { metadata, labels, annotations } }: FakeSandbox) => ({
  id,
  metadata,
  labels,
  annotations,
});

const describe = (sandbox: FakeSandbox) => ({
  ...attributes(sandbox),
  state: sandbox.state,
  createdAt: nanos(sandbox.createdAtMs),
  runtimeHandler: sandbox.runtimeHandler,
});

/** A stopped sandbox keeps its record but has no address any more. */
const status = (sandbox: FakeSandbox): PodSandboxStatus => ({
  ...describe(sandbox),
  network: sandbox.ip && sandbox.state === 'SANDBOX_READY' ? { ip: sandbox.ip } : {},
  linux: { namespaces: { options: sandbox.config.linux?.securityContext?.namespaceOptions } },
});
