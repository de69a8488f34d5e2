import type { Image, RuntimeCondition, RuntimeHandler, VersionResponse } from '../../api/generated/cri.ts';
import type { ContainerImage, NodeCondition, NodeRuntimeHandler, NodeStatus } from '../../api/generated/types.ts';
import type { DeviceCount } from '../devices/device-manager.ts';
import { amountOf, type Pressure, type Signal, type Threshold } from '../eviction/thresholds.ts';
import { shutdownNodeMessage } from '../shutdown/shutdown.ts';
import { timeText } from '../status/time-text.ts';
import type { Machine } from './machine.ts';

export const kubeletVersion = 'v1.36.2+knarr';

export interface NodeIdentity {
  nodeName: string;
  nodeIps: readonly string[];
  kubeletPort: number;
  maxPods: number;
  /** Kept back from pods. */
  reserved?: { cpuMillis?: number; memoryBytes?: number };
  /** When the node is short of something: what it must never fall below is not for pods either. */
  thresholds?: readonly Threshold[];
  /** What device plugins offer, by resource name. */
  devices?(): ReadonlyMap<string, DeviceCount>;
  /** Volumes that must not be taken from the node, by their names there. */
  volumesInUse?(): string[];
}

export interface NodeFacts {
  machine: Machine;
  version: VersionResponse;
  /** undefined when the runtime does not answer. */
  runtimeConditions?: readonly RuntimeCondition[];
  /** The ways that the runtime can run pods, as it told last. */
  runtimeHandlers?: readonly RuntimeHandler[];
  images: readonly Image[];
  pressures: ReadonlySet<Pressure>;
  isShuttingDown?: boolean;
}

/**
 * What the node can do with pods that others may not (KEP-5328): no processors are kept for one pod alone, so it can give more of
 * them; what a pod as a whole has can change, and what an init container has that runs; all its containers can start again in place.
 */
export const declaredFeatures = [
  'GuaranteedQoSPodCPUResize',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];

/** How many images the status lists, and names of each. */
const maxImages = 50;
const maxImageNames = 5;

export const nodeLabels = ({ nodeName }: NodeIdentity, { architecture }: Machine): Record<string, string> => ({
  'kubernetes.io/hostname': nodeName,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': architecture,
  'beta.kubernetes.io/os': 'linux',
  'beta.kubernetes.io/arch': architecture,
});

const devicesOf = ({ devices }: NodeIdentity, read: (count: DeviceCount) => number): Record<string, string> =>
  Object.fromEntries([...(devices?.() ?? [])].map(([name, count]) => [name, String(read(count))]));

export function capacityOf(machine: Machine, identity: NodeIdentity): Record<string, string> {
  return {
    ...devicesOf(identity, ({ capacity }) => capacity),
    cpu: String(machine.cpus),
    'ephemeral-storage': `${Math.floor(machine.disk.totalBytes / 1024)}Ki`,
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(identity.maxPods),
  };
}

/** What is left for pods: less what is reserved, and less what the node must never fall below. */
export function allocatableOf(machine: Machine, identity: NodeIdentity): Record<string, string> {
  const { cpuMillis = 0, memoryBytes = 0 } = identity.reserved ?? {};
  const kept = (signal: Signal, capacity: number): number => {
    const hard = identity.thresholds?.find((one) => one.signal === signal && one.graceMs === 0);
    return hard ? amountOf(hard.bound, capacity) : 0;
  };
  const memory = Math.max(machine.memoryBytes - memoryBytes - kept('memory.available', machine.memoryBytes), 0);
  const disk = machine.disk.totalBytes;
  return {
    ...capacityOf(machine, identity),
    ...devicesOf(identity, ({ allocatable }) => allocatable),
    ...(cpuMillis ? { cpu: `${machine.cpus * 1000 - cpuMillis}m` } : {}),
    'ephemeral-storage': String(Math.floor(disk - kept('nodefs.available', disk))),
    memory: `${Math.floor(memory / 1024)}Ki`,
  };
}

/** The whole status. `old` gives the transition times. */
export function nodeStatus(
  identity: NodeIdentity,
  facts: NodeFacts,
  context: { nowMs: number; old?: NodeStatus },
): NodeStatus {
  const { machine, version } = facts;
  return {
    // What others say that the node has (extended resources) stays.
    capacity: { ...context.old?.capacity, ...capacityOf(machine, identity) },
    allocatable: { ...context.old?.allocatable, ...allocatableOf(machine, identity) },
    conditions: nodeConditions(facts, context),
    addresses: [
      ...identity.nodeIps.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: identity.nodeName },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.kubeletPort } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `${version.runtimeName ?? 'unknown'}://${version.runtimeVersion ?? ''}`,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
    },
    images: imageList(facts.images),
    volumesInUse: identity.volumesInUse?.() ?? [],
    declaredFeatures,
    ...(facts.runtimeHandlers?.length ? { runtimeHandlers: facts.runtimeHandlers.map(handlerOf) } : {}),
  };
}

/** What a handler does not say of itself, it cannot do. */
function handlerOf({ name = '', features = {} }: RuntimeHandler): NodeRuntimeHandler {
  const { recursiveReadOnlyMounts = false, userNamespaces = false } = features;
  return { name, features: { recursiveReadOnlyMounts, userNamespaces } };
}

function imageList(images: readonly Image[]): ContainerImage[] {
  return images
    .map(({ repoDigests = [], repoTags = [], size = 0 }) => ({
      names: [...repoDigests, ...repoTags].slice(0, maxImageNames),
      sizeBytes: size,
    }))
    .filter(({ names }) => names.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, maxImages);
}

type Verdict = [status: boolean, reason: string, message: string];

function nodeConditions(facts: NodeFacts, { nowMs, old }: { nowMs: number; old?: NodeStatus }): NodeCondition[] {
  const { pressures } = facts;
  const verdicts: Record<string, Verdict> = {
    MemoryPressure: pressures.has('MemoryPressure')
      ? [true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : [false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    DiskPressure: pressures.has('DiskPressure')
      ? [true, 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : [false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    PIDPressure: pressures.has('PIDPressure')
      ? [true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : [false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    Ready: facts.isShuttingDown ? [false, 'KubeletNotReady', shutdownNodeMessage] : readiness(facts.runtimeConditions),
  };
  const own = Object.entries(verdicts).map(([type, [isTrue, reason, message]]) => {
    const status = isTrue ? 'True' : 'False';
    const before = old?.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timeText(nowMs);
    return { type, status, lastHeartbeatTime: timeText(nowMs), lastTransitionTime, reason, message };
  });
  const others = (old?.conditions ?? []).filter(({ type }) => !(type in verdicts));
  return [...others, ...own];
}

function readiness(conditions: readonly RuntimeCondition[] | undefined): Verdict {
  if (!conditions) return [false, 'KubeletNotReady', 'container runtime is down'];
  const problems = ['RuntimeReady', 'NetworkReady'].flatMap((type) => {
    const { status, reason = '', message = '' } = conditions.find((condition) => condition.type === type) ?? {};
    if (status) return [];
    const what = type === 'NetworkReady' ? 'container runtime network not ready' : 'container runtime not ready';
    return [`${what}: ${type}=false reason:${reason} message:${message}`];
  });
  if (problems.length > 0) return [false, 'KubeletNotReady', problems.join(', ')];
  return [true, 'KubeletReady', 'kubelet is posting ready status'];
}
