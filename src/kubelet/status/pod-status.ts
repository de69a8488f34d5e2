import type { ContainerStatus, PodStatus } from '../../api/generated/types.ts';
import { containersOf, shouldRestart } from '../worker/pod-spec.ts';
import { isOfOldRound } from '../worker/rounds.ts';
import type { ContainerRole, PodState, PodWorkerContext } from '../worker/state.ts';
import { containerStatus } from './container-status.ts';
import { podConditions } from './pod-conditions.ts';
import { podPhase } from './pod-phase.ts';
import { podResources } from './pod-resources.ts';
import { timeText } from './time-text.ts';
import { volumeMountStatuses } from './volume-mounts.ts';

/**
 * The pod's status as the API shows it, from what the worker knows. Pure: the same state gives the same status, save
 * transition times, which are `nowMs` when a condition turns. Fields of others (qosClass, PodScheduled, …) are kept.
 */
export function podStatus(state: PodState, context: PodWorkerContext): PodStatus {
  const { pod, termination } = state;
  const phase = podPhase(state);
  const of = (...roles: ContainerRole[]) => statuses(state, roles, context);
  const initStatuses = of('init', 'sidecar');
  const appStatuses = byName(of('app'));
  const ephemeralStatuses = byName(of('ephemeral'));
  const isRejected = termination?.isRejected ?? false;
  const { reason, message } = reasonOf(state, phase);
  const ips = ipsOf(state, context.hostIps);
  return {
    ...kept(pod.status),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: isRejected
      ? (pod.status?.conditions ?? [])
      : podConditions({ state, phase, initStatuses, appStatuses, nowMs: context.nowMs }),
    ...(message ? { message } : {}),
    ...(reason ? { reason } : {}),
    ...(context.hostIps[0] ? { hostIP: context.hostIps[0], hostIPs: context.hostIps.map((ip) => ({ ip })) } : {}),
    ...(ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
    startTime: timeText(state.startTimeMs),
    ...(isRejected || initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    ...(isRejected ? {} : { containerStatuses: appStatuses, ...podResources(state) }),
    ...(ephemeralStatuses.length === 0 ? {} : { ephemeralContainerStatuses: ephemeralStatuses }),
  };
}

/** Init containers stand in the order they run, all others by their names: so clients know it. */
const byName = (list: ContainerStatus[]): ContainerStatus[] => list.sort((a, b) => (a.name < b.name ? -1 : 1));

/** What the kubelet does not compute but must not lose. */
function kept(old: PodStatus | undefined): PodStatus {
  const { qosClass, nominatedNodeName, resourceClaimStatuses, extendedResourceClaimStatus } = old ?? {};
  return {
    ...(qosClass ? { qosClass } : {}),
    ...(nominatedNodeName ? { nominatedNodeName } : {}),
    ...(resourceClaimStatuses ? { resourceClaimStatuses } : {}),
    ...(extendedResourceClaimStatus ? { extendedResourceClaimStatus } : {}),
  };
}

function reasonOf({ pod, termination }: PodState, phase: string): { reason?: string; message?: string } {
  if (termination?.reason && phase === 'Failed') return termination;
  return { reason: pod.status?.reason, message: pod.status?.message };
}

/** The sandbox's addresses; once it is gone, the last ones that were known. */
function ipsOf(state: PodState, hostIps: readonly string[]): readonly string[] {
  if (state.sandbox?.isReady) return state.pod.spec.hostNetwork ? hostIps : state.sandbox.ips;
  if (state.stage === 'syncing' && !state.sandbox) return [];
  return (state.status.podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
}

function statuses(state: PodState, roles: ContainerRole[], context: PodWorkerContext): ContainerStatus[] {
  const { pod } = state;
  const isRecursive = mountsReadOnlyRecursively(state, context);
  const hasInit = (pod.spec.initContainers?.length ?? 0) > 0;
  return containersOf(pod)
    .filter(({ role }) => roles.includes(role))
    .flatMap(({ container, role }) => {
      const work = state.containers[container.name];
      if (!work) return [];
      const { current } = work;
      const isToRestart = () =>
        current?.state === 'exited' && (isOfOldRound(state, work) || shouldRestart(pod, role, current));
      const willRestart = state.stage === 'syncing' && isToRestart();
      const defaultReason = hasInit ? 'PodInitializing' : 'ContainerCreating';
      const allocated = state.allocated[container.name];
      const devices = context.devicesOf?.(pod.metadata.uid ?? '', container.name);
      const volumeMounts = volumeMountStatuses(container.volumeMounts, isRecursive);
      return [containerStatus({ container, work, defaultReason, willRestart, allocated, devices, volumeMounts })];
    });
}

/** How a pod of a runtime class runs is known once it has a sandbox. */
function mountsReadOnlyRecursively({ pod, sandbox }: PodState, context: PodWorkerContext): boolean {
  if (!sandbox && pod.spec.runtimeClassName) return false;
  return context.mountsReadOnlyRecursively?.(sandbox?.handler) ?? false;
}
