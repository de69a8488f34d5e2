import type { ContainerStatus, Pod } from '../../api/generated/types.ts';
import type { ContainerRole, ContainerWork, RuntimeContainer } from './state.ts';

export const workFor = (name: string, role: ContainerRole): ContainerWork => ({
  name,
  role,
  restarts: 0,
  isStarting: false,
  postStart: 'none',
  retryAtMs: 0,
  startupPassed: false,
  readinessPassed: false,
});

/** What the API's status remembers of this container; the agent itself keeps nothing over a restart. */
export function statusOf(pod: Pod, name: string): ContainerStatus | undefined {
  const { initContainerStatuses, containerStatuses, ephemeralContainerStatuses } = pod.status ?? {};
  for (const list of [initContainerStatuses, containerStatuses, ephemeralContainerStatuses]) {
    const found = list?.find((status) => status.name === name);
    if (found) return found;
  }
  return undefined;
}

export const idOf = (containerId: string | undefined): string => containerId?.split('://')[1] ?? '';

/** What a container that vanished from the runtime while it ran is taken for. */
export const lost = (container: RuntimeContainer, nowMs: number): RuntimeContainer => ({
  ...container,
  state: 'exited',
  finishedAtMs: nowMs,
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was deleted.  The container used to be Running',
});

/** A container that the API has seen but the runtime has no more (its record was removed, or the disk was lost). */
export function containerFromStatus(
  status: ContainerStatus,
  { nowMs, round }: { nowMs: number; round: number },
): RuntimeContainer | undefined {
  const ended = status.state?.terminated;
  const id = idOf(ended?.containerID ?? status.containerID);
  if (!id || status.state?.waiting) return undefined;
  const base: RuntimeContainer = {
    id,
    name: status.name,
    attempt: status.restartCount,
    sandboxId: '',
    state: 'exited',
    createdAtMs: 0,
    startedAtMs: Date.parse(ended?.startedAt ?? status.state?.running?.startedAt ?? '') || 0,
    finishedAtMs: Date.parse(ended?.finishedAt ?? '') || nowMs,
    exitCode: ended?.exitCode ?? 137,
    reason: ended?.reason ?? '',
    message: ended?.message ?? '',
    image: status.image,
    imageId: status.imageID,
    specHash: '',
    round,
  };
  return ended ? base : lost(base, nowMs);
}

/** Takes over what restarts forget: probe results that the API shows for the same running container. */
export function adoptProbeResults(work: ContainerWork, status: ContainerStatus | undefined): void {
  if (!work.current || work.current.state !== 'running' || idOf(status?.containerID) !== work.current.id) return;
  work.startupPassed = status?.started ?? false;
  work.readinessPassed = status?.ready ?? false;
}
