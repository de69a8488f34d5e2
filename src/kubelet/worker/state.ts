import type { Pod, PodStatus, ResourceRequirements, ResourceStatus } from '../../api/generated/types.ts';
import type { Allocated, PendingResize } from '../resize/allocation.ts';

/** A container as the runtime knows it; times are epoch milliseconds, 0 when they have not come yet. */
export interface RuntimeContainer {
  id: string;
  name: string;
  /** The restart count it was created with. */
  attempt: number;
  sandboxId: string;
  state: 'created' | 'running' | 'exited';
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  /** Completed, Error, OOMKilled, StartError, ContainerStatusUnknown. Empty while it runs. */
  reason: string;
  message: string;
  image: string;
  imageId: string;
  /** Of the container's spec when it was created; another one now means: restart it. */
  specHash: string;
  /** The pod's round that it was made in. */
  round: number;
}

export interface RuntimeSandbox {
  id: string;
  attempt: number;
  isReady: boolean;
  createdAtMs: number;
  ips: string[];
  /** What the runtime calls the way it runs; absent: the usual one. */
  handler?: string;
}

/** Everything the runtime has of one pod. */
export interface RuntimePod {
  sandboxes: RuntimeSandbox[];
  containers: RuntimeContainer[];
}

/** A sidecar is an init container with restart policy Always. */
export type ContainerRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

/** What the worker remembers of one container of the spec. */
export interface ContainerWork {
  name: string;
  role: ContainerRole;
  current?: RuntimeContainer;
  /** The dead one before `current`: becomes lastState. */
  previous?: RuntimeContainer;
  /** The highest restart count it was ever created with; never falls. */
  restarts: number;
  isStarting: boolean;
  /** `postStart` decides when a running container counts as running. */
  postStart: 'none' | 'running' | 'done';
  stopping?: { id: string; graceSeconds: number };
  /** Why it does not run. */
  waiting?: { reason: string; message: string };
  /** No attempt before this time; 0 when nothing holds it back. */
  retryAtMs: number;
  backOff?: { delayMs: number; updatedAtMs: number };
  startupPassed: boolean;
  readinessPassed: boolean;
  /** What the current container runs with. */
  resources?: ResourceRequirements;
}

/** syncing: bring it up and keep it up. terminating: stop everything. terminated: nothing runs. finished: nothing is left. */
export type PodStage = 'syncing' | 'terminating' | 'terminated' | 'finished';

/** Why a pod ends, and what its status says then. */
export interface Termination {
  /** The node did not take the pod: it has no container states. */
  isRejected?: boolean;
  graceSeconds: number;
  /** From when the grace period counts. */
  startedAtMs: number;
  phase?: 'Succeeded' | 'Failed';
  reason?: string;
  message?: string;
  /** The node itself ends it: told as the condition DisruptionTarget. */
  isDisrupted?: boolean;
}

export interface PodState {
  pod: Pod;
  stage: PodStage;
  termination?: Termination;
  /** The API object no longer exists. */
  isGoneFromApi: boolean;
  startTimeMs: number;
  prepared: 'no' | 'busy' | 'yes';
  prepareFailures: number;
  prepareRetryAtMs: number;
  sandbox?: RuntimeSandbox;
  sandboxBusy: boolean;
  sandboxFailures: number;
  sandboxRetryAtMs: number;
  nextSandboxAttempt: number;
  /** Stopped sandboxes that still have to be removed. */
  oldSandboxes: string[];
  /** How often all containers have been restarted in place. */
  round: number;
  /** All init containers of this sandbox and round are through. */
  isInitialized: boolean;
  containers: Record<string, ContainerWork>;
  teardown: 'no' | 'busy' | 'yes';
  removal: 'no' | 'busy' | 'yes';
  retryAtMs: number;
  failures: number;
  status: PodStatus;
  timerAtMs: number;
  /** What the node has promised the containers, and what the pod's control group was made for. */
  allocated: Allocated;
  applied: Allocated;
  /** Why the pod does not get what it asks for now. */
  pendingResize?: PendingResize;
  isResizing: boolean;
  resizeError?: string;
  resizeRetryAtMs: number;
}

/** What the worker is told besides the input. */
export interface PodWorkerContext {
  nowMs: number;
  /** The node's addresses, for the status. */
  hostIps: readonly string[];
  /** How the devices are that a container of the pod has. */
  devicesOf?: ((podUid: string, container: string) => ResourceStatus[]) | undefined;
  /** Whether what runs that way can have mounts that are read-only with all below them; absent: it cannot. */
  mountsReadOnlyRecursively?: ((handler: string | undefined) => boolean) | undefined;
}

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

/** What can happen to a pod. `id`s are the runtime's; inputs about ids no longer current change nothing. */
export type PodInput =
  | { type: 'pod'; pod: Pod }
  | { type: 'deleted'; pod?: Pod }
  | { type: 'rejected'; reason: string; message: string }
  | { type: 'evicted'; reason: string; message: string; graceSeconds: number }
  | { type: 'collectGarbage' }
  | { type: 'allocated'; resources: Allocated }
  | ({ type: 'resizePending' } & PendingResize)
  | { type: 'resized'; containers: { name: string; id: string }[]; resources: Allocated; error?: string }
  | { type: 'runtime'; runtime: RuntimePod }
  | { type: 'prepared' }
  | { type: 'prepareFailed'; message: string; reason?: string; isCancelled?: boolean }
  | { type: 'sandboxReady'; sandbox: RuntimeSandbox }
  | { type: 'sandboxFailed'; message: string }
  | { type: 'sandboxExited'; id: string }
  | { type: 'sandboxStopped'; id: string }
  | { type: 'created'; container: RuntimeContainer }
  | { type: 'started'; container: string; id: string; atMs: number }
  | { type: 'startFailed'; container: string; reason: string; message: string; retryAtMs?: number; id?: string }
  | { type: 'postStartDone'; container: string; id: string; error?: string }
  | { type: 'exited'; id: string; exitCode: number; atMs: number; isOom?: boolean; reason?: string; message?: string }
  | { type: 'stopped'; container: string; id: string; error?: string }
  | { type: 'probe'; container: string; id: string; probe: ProbeKind; isSuccess: boolean; message: string }
  | { type: 'tornDown' }
  | { type: 'removed' }
  | { type: 'failed'; operation: 'stopSandbox' | 'teardown' | 'remove'; message: string }
  | { type: 'wake' }
  | { type: 'tick' };

/** What the worker wants done. Each but the last four ends in one input of the same name's past tense or a failure. */
export type PodEffect =
  | { type: 'prepare' }
  | { type: 'cancelPrepare' }
  | { type: 'runSandbox'; attempt: number }
  | { type: 'startContainer'; container: string; attempt: number }
  | { type: 'cancelStart'; container: string }
  | { type: 'postStart'; container: string; id: string }
  | { type: 'stopContainer'; container: string; id: string; graceSeconds: number; runPreStop: boolean }
  | { type: 'resize'; containers: { name: string; id: string }[]; from: Allocated; to: Allocated }
  | { type: 'stopSandbox'; id: string }
  | { type: 'removeSandbox'; id: string }
  | { type: 'teardown' }
  | { type: 'remove'; sandboxes: string[] }
  | { type: 'removeContainer'; id: string; container: string; attempt: number }
  | { type: 'updateStatus'; status: PodStatus }
  | { type: 'event'; eventType: 'Normal' | 'Warning'; reason: string; message: string; container?: string }
  | { type: 'setTimer'; atMs: number }
  | { type: 'deletePod' };
