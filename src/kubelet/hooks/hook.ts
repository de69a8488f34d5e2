import type { CDIDevice, Device, Mount } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';

export interface ContainerInput {
  pod: Pod;
  container: AnyContainer;
  attempt: number;
  podIps: readonly string[];
  /** The container's environment, for `subPathExpr`. */
  env: ReadonlyMap<string, string>;
  /** The runtime can make mounts read-only with all that is mounted below them. */
  mountsReadOnlyRecursively: boolean;
}

/** What a container gets besides mounts. */
export interface ContainerExtras {
  /** The container's own environment goes before it. */
  env: Record<string, string>;
  mounts: Mount[];
  devices: Device[];
  annotations: Record<string, string>;
  cdiDevices: CDIDevice[];
}

/**
 * One concern of running a pod on a machine. Every phase may run twice, and again after a restart of the agent while the
 * pod's containers run; each must then leave what is there alone. A phase that rejects is tried again later.
 */
export interface PodHook {
  readonly name: string;
  /** Before the sandbox, in the list's order; also when the pod's object changes. What only waits ends with the signal. */
  prepare?(pod: Pod, signal?: AbortSignal): Promise<void>;
  /** Before each creation of a container, after `prepare`: what to mount into it. */
  mounts?(input: ContainerInput): Promise<Mount[]>;
  /** Before each creation of a container, before its environment is made. */
  extras?(input: Pick<ContainerInput, 'pod' | 'container'>): Promise<ContainerExtras[]>;
  /** Around the change of what containers may use; `change` changes the containers themselves. */
  resize?(before: Pod, after: Pod, change: () => Promise<void>): Promise<void>;
  /** When nothing of the pod runs any more, in reverse order; may come without `prepare` (a pod of an earlier agent). */
  teardown?(pod: Pod): Promise<void>;
  /** When the pod is deleted; after `teardown`. */
  remove?(pod: Pod): Promise<void>;
}
