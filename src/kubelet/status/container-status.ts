import type {
  ContainerState,
  ContainerStatus,
  ResourceRequirements,
  ResourceStatus,
  VolumeMountStatus,
} from '../../api/generated/types.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import type { ContainerWork, RuntimeContainer } from '../worker/state.ts';
import { timeText } from './time-text.ts';

/** The container runtime's name in container ids (`containerd://…`). */
const runtimeName = 'containerd';

export const containerIdText = (id: string): string => `${runtimeName}://${id}`;

export interface ContainerStatusInput {
  container: AnyContainer;
  work: ContainerWork;
  /** What a container that has not run yet waits for. */
  defaultReason: 'ContainerCreating' | 'PodInitializing';
  /** Whether it will ever run again: an ended one that will is shown as waiting. */
  willRestart: boolean;
  /** What the node has promised the container. */
  allocated?: ResourceRequirements | undefined;
  /** How its devices are. */
  devices?: ResourceStatus[] | undefined;
  volumeMounts?: VolumeMountStatus[] | undefined;
}

/** One entry of containerStatuses, in Kubernetes' words. */
export function containerStatus(input: ContainerStatusInput): ContainerStatus {
  const { container, work, volumeMounts } = input;
  const { current } = work;
  const isRunning = current?.state === 'running' && work.postStart === 'done' && !work.isStarting;
  const isStarted = isRunning && (work.startupPassed || !('startupProbe' in container && container.startupProbe));
  const isReady = isStarted && (work.readinessPassed || !('readinessProbe' in container && container.readinessProbe));
  const lastState = lastStateOf(input);
  return {
    name: container.name,
    state: stateOf(input),
    lastState,
    ready: work.role === 'init' ? current?.state === 'exited' && current.exitCode === 0 && !input.willRestart : isReady,
    restartCount: work.restarts,
    image: current?.image || (container.image ?? ''),
    imageID: current?.imageId ?? '',
    // One that was made but not started may still be called off.
    ...(current && current.state !== 'created' ? { containerID: containerIdText(current.id) } : {}),
    ...(current ? resourcesOf(input) : {}),
    ...(volumeMounts ? { volumeMounts } : {}),
    started: work.role === 'ephemeral' ? undefined : isStarted,
  };
}

/** Containers that ask for nothing have nothing to tell. */
function resourcesOf({ work, allocated, devices = [] }: ContainerStatusInput): Partial<ContainerStatus> {
  const { resources } = work;
  const isSome = (amounts: object | undefined) => amounts !== undefined && Object.keys(amounts).length > 0;
  return {
    ...(isSome(allocated?.requests) ? { allocatedResources: allocated?.requests } : {}),
    ...(isSome(resources?.requests) || isSome(resources?.limits) ? { resources } : {}),
    ...(devices.length > 0 ? { allocatedResourcesStatus: devices } : {}),
  };
}

function stateOf({ work, defaultReason, willRestart }: ContainerStatusInput): ContainerState {
  const { current, waiting } = work;
  if (current?.state === 'running') {
    if (work.postStart === 'done' && !work.isStarting) return { running: { startedAt: timeText(current.startedAtMs) } };
    return { waiting: { reason: defaultReason } };
  }
  if (current?.state === 'exited' && !showsAsWaiting(work, willRestart)) return { terminated: terminated(current) };
  if (waiting) return { waiting: waiting.message ? { ...waiting } : { reason: waiting.reason } };
  return { waiting: { reason: defaultReason } };
}

/** An ended container is shown as ended until its restart is under way or held back. */
const showsAsWaiting = (work: ContainerWork, willRestart: boolean): boolean =>
  willRestart && (work.isStarting || work.waiting !== undefined);

function lastStateOf({ work, willRestart }: ContainerStatusInput): ContainerState {
  const { current, previous } = work;
  if (current?.state === 'exited' && showsAsWaiting(work, willRestart)) return { terminated: terminated(current) };
  return previous?.state === 'exited' ? { terminated: terminated(previous) } : {};
}

function terminated(container: RuntimeContainer): ContainerState['terminated'] {
  const { exitCode, reason, message, startedAtMs, finishedAtMs } = container;
  return {
    exitCode,
    reason: reason || (exitCode === 0 ? 'Completed' : 'Error'),
    ...(message ? { message } : {}),
    startedAt: timeText(startedAtMs),
    finishedAt: timeText(finishedAtMs),
    containerID: containerIdText(container.id),
  };
}
