import type { ContainerStatus, PodSandbox, RuntimeService } from '../api/generated/cri.ts';
import { hasRpcCode } from '../rpc/rpc-error.ts';
import {
  containerNameLabel,
  gracePeriodAnnotation,
  hashAnnotation,
  imageAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  restartCountAnnotation,
  roundAnnotation,
} from './config/labels.ts';
import type { PodState, RuntimeContainer, RuntimePod, RuntimeSandbox } from './worker/state.ts';

/** A pod as the runtime has it; name and namespace come from labels. */
export interface FoundPod {
  uid: string;
  name: string;
  namespace: string;
  graceSeconds: number;
  /** Of each sandbox and container with its state: changes with each of them. */
  marks: string[];
  sandboxIds: string[];
  containers: { id: string; sandboxId: string }[];
}

const msOf = (nanoseconds: number | undefined): number => Math.floor((nanoseconds ?? 0) / 1e6);

/** Reads what the runtime has, cheaply: two lists always, details only of what changed. */
export class RuntimeView {
  readonly #runtime: RuntimeService;
  /** Ended containers never change again; the listing bounds how many there are. */
  readonly #ended = new Map<string, RuntimeContainer>();

  constructor(runtime: RuntimeService) {
    this.#runtime = runtime;
  }

  /** Every pod of ours, by uid. Two calls. */
  async list(): Promise<Map<string, FoundPod>> {
    const [{ items = [] }, { containers = [] }] = await Promise.all([
      this.#runtime.ListPodSandbox({}),
      this.#runtime.ListContainers({}),
    ]);
    const found = new Map<string, FoundPod>();
    for (const sandbox of items) {
      const pod = podOf(found, sandbox);
      pod?.sandboxIds.push(sandbox.id ?? '');
      pod?.marks.push(markOf(sandbox.id, sandbox.state));
    }
    for (const container of containers) {
      const pod = found.get(container.labels?.[podUidLabel] ?? '');
      pod?.containers.push({ id: container.id ?? '', sandboxId: container.podSandboxId ?? '' });
      pod?.marks.push(markOf(container.id, container.state));
    }
    const listed = new Set(containers.map(({ id }) => id));
    for (const id of this.#ended.keys()) if (!listed.has(id)) this.#ended.delete(id);
    return found;
  }

  /** The details of one listed pod; what vanished meanwhile is left out. */
  async inspect(pod: FoundPod): Promise<RuntimePod> {
    const sandboxes = await Promise.all(pod.sandboxIds.map((id) => this.sandbox(id)));
    const containers = await Promise.all(pod.containers.map((ref) => this.container(ref)));
    return { sandboxes: sandboxes.filter(isDefined), containers: containers.filter(isDefined) };
  }

  async sandbox(id: string): Promise<RuntimeSandbox | undefined> {
    const { status } = await this.#runtime.PodSandboxStatus({ podSandboxId: id }).catch(absent);
    if (!status) return undefined;
    const { network, runtimeHandler: handler } = status;
    const ips = [network?.ip, ...(network?.additionalIps ?? []).map(({ ip }) => ip)].filter((ip): ip is string =>
      Boolean(ip),
    );
    return {
      id,
      attempt: status.metadata?.attempt ?? 0,
      isReady: status.state === 'SANDBOX_READY',
      createdAtMs: msOf(status.createdAt),
      ips,
      ...(handler ? { handler } : {}),
    };
  }

  async container({ id, sandboxId }: { id: string; sandboxId: string }): Promise<RuntimeContainer | undefined> {
    const known = this.#ended.get(id);
    if (known) return known;
    const { status } = await this.#runtime.ContainerStatus({ containerId: id }).catch(absent);
    if (!status) return undefined;
    const value = { ...containerOf(status), sandboxId };
    if (value.state === 'exited') this.#ended.set(id, value);
    return value;
  }
}

function absent(error: unknown): { status?: undefined } {
  if (hasRpcCode(error, 'NotFound')) return {};
  throw error;
}

const isDefined = <T>(value: T | undefined): value is T => value !== undefined;

function podOf(found: Map<string, FoundPod>, { labels = {}, annotations = {} }: PodSandbox): FoundPod | undefined {
  const uid = labels[podUidLabel];
  if (!uid) return undefined;
  let pod = found.get(uid);
  if (!pod) {
    pod = {
      uid,
      name: labels[podNameLabel] ?? '',
      namespace: labels[podNamespaceLabel] ?? '',
      graceSeconds: Number(annotations[gracePeriodAnnotation] ?? 30),
      marks: [],
      sandboxIds: [],
      containers: [],
    };
    found.set(uid, pod);
  }
  return pod;
}

const markOf = (id: string | undefined, state: string | undefined): string => `${id}=${state}`;

/** Equal where two pods have the same sandboxes and containers in the same states. */
export const signatureOf = (marks: readonly string[]): string => [...marks].sort().join(';');

/** What the runtime lists of a pod that runs as its worker knows it; undefined where something has ended. */
export function runningSignature({ sandbox, oldSandboxes, containers }: PodState): string | undefined {
  if (!sandbox?.isReady || oldSandboxes.length > 0) return undefined;
  const marks = [markOf(sandbox.id, 'SANDBOX_READY')];
  for (const { current, previous } of Object.values(containers)) {
    if (previous || (current && current.state !== 'running')) return undefined;
    if (current) marks.push(markOf(current.id, 'CONTAINER_RUNNING'));
  }
  return signatureOf(marks);
}

const states = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'exited',
} as const;

/** A container from the runtime's status. A pod-level OOM marks every container: only an end by signal 9 counts as one. */
export function containerOf(status: ContainerStatus): RuntimeContainer {
  const { labels = {}, annotations = {}, exitCode = 0, reason = '' } = status;
  const state = states[status.state ?? 'CONTAINER_UNKNOWN'];
  const isOom = reason === 'OOMKilled' && exitCode === 137;
  const word = isOom ? 'OOMKilled' : reason === 'OOMKilled' ? 'Error' : reason;
  return {
    id: status.id ?? '',
    name: labels[containerNameLabel] ?? status.metadata?.name ?? '',
    attempt: Number(annotations[restartCountAnnotation] ?? status.metadata?.attempt ?? 0),
    sandboxId: '',
    state,
    createdAtMs: msOf(status.createdAt),
    startedAtMs: msOf(status.startedAt),
    finishedAtMs: msOf(status.finishedAt),
    exitCode,
    reason: state === 'exited' ? word || (exitCode === 0 ? 'Completed' : 'Error') : '',
    message: status.message ?? '',
    image: annotations[imageAnnotation] ?? status.image?.image ?? '',
    imageId: status.imageRef ?? '',
    specHash: annotations[hashAnnotation] ?? '',
    round: Number(annotations[roundAnnotation] ?? 0),
  };
}
