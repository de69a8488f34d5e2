import type { Container, Node, Pod } from '../api/generated/types.ts';
import { qosClassOf } from './config/resources.ts';
import { appArmorProfileOf } from './config/security-context.ts';
import { containersOf } from './worker/pod-spec.ts';
import { conditionText, evicted } from './eviction/messages.ts';
import { isCritical } from './eviction/rank.ts';
import type { Pressure } from './eviction/thresholds.ts';
import { podRequests } from '../placement/pod-requests.ts';
import { amountsOf, type ResourceAmounts } from '../placement/resource-amounts.ts';
import { tolerates } from '../placement/taints.ts';

export interface Rejection {
  reason: string;
  message: string;
}

export interface AdmissionContext {
  /** The pods that already use the node. */
  others: readonly Pod[];
  /** What the node is short of. */
  pressures?: ReadonlySet<Pressure> | undefined;
  isShuttingDown?: boolean | undefined;
  /** The kernel has AppArmor, and it is on. */
  hasAppArmor?: boolean | undefined;
}

/**
 * Whether this node takes the pod: the scheduler decided from its own view of the node, and a pod may name its node
 * itself. Answers why not, in the words of the pod's status.
 */
export function admit(
  pod: Pod,
  node: Node,
  { others, pressures, isShuttingDown, hasAppArmor }: AdmissionContext,
): Rejection | undefined {
  if (isShuttingDown) {
    return { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' };
  }
  const os = pod.spec.os?.name;
  if (os && os !== 'linux') {
    return { reason: 'PodOSNotSupported', message: `Failed to admit pod as the OS field doesn't match node OS` };
  }
  const unconfined = withoutAppArmor(pod, hasAppArmor ?? false);
  const pressed = unconfined ?? underPressure(pod, pressures ?? new Set());
  return pressed ?? selectorMismatch(pod, node) ?? portConflict(pod, others) ?? shortage(pod, node, others);
}

/** What a pod is promised must hold: where there is no AppArmor, it cannot. */
function withoutAppArmor(pod: Pod, hasAppArmor: boolean): Rejection | undefined {
  const isAsked = containersOf(pod).some(({ container }) => {
    const type = appArmorProfileOf(pod, container)?.type ?? 'Unconfined';
    return type !== 'Unconfined' && container.securityContext?.privileged !== true;
  });
  if (!isAsked || hasAppArmor) return undefined;
  const text = 'Cannot enforce AppArmor: AppArmor is not enabled on the host';
  return { reason: 'AppArmor', message: `Pod was rejected: ${text}` };
}

/** A node that is short of something takes only critical pods; short of memory, also those that say what they need of it. */
function underPressure(pod: Pod, pressures: ReadonlySet<Pressure>): Rejection | undefined {
  if (pressures.size === 0 || isCritical(pod)) return undefined;
  const isMemoryAlone = pressures.size === 1 && pressures.has('MemoryPressure');
  const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
  const mayCome = qosClassOf(pod) !== 'BestEffort' || tolerates(pod.spec.tolerations ?? [], taint);
  if (isMemoryAlone && mayCome) return undefined;
  return { reason: evicted, message: `Pod was rejected: ${conditionText([...pressures])}` };
}

function selectorMismatch(pod: Pod, node: Node): Rejection | undefined {
  const labels = node.metadata.labels ?? {};
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (wanted.every(([key, value]) => labels[key] === value)) return undefined;
  const text = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
  return { reason: 'NodeAffinity', message: `Pod was rejected: ${text}` };
}

function portConflict(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return undefined;
  const used = new Set(others.flatMap(hostPorts));
  if (!wanted.some((port) => used.has(port))) return undefined;
  const text = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message: `Pod was rejected: ${text}` };
}

const hostPorts = (pod: Pod): string[] =>
  pod.spec.containers
    .flatMap((container: Container) => container.ports ?? [])
    .filter(({ hostPort }) => hostPort)
    .map(
      ({ hostPort, protocol = 'TCP', hostIP = '' }) => `${protocol}/${hostIP === '0.0.0.0' ? '' : hostIP}/${hostPort}`,
    );

function shortage(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = amountsOf(node.status?.allocatable ?? {});
  const used: ResourceAmounts = { pods: others.length };
  for (const other of others) {
    for (const [name, amount] of Object.entries(podRequests(other.spec))) used[name] = (used[name] ?? 0) + amount;
  }
  const requested: ResourceAmounts = { ...podRequests(pod.spec), pods: 1 };
  // Given as devices of a claim, which the scheduler has counted.
  for (const { resourceName } of pod.status.extendedResourceClaimStatus?.requestMappings ?? [])
    if (!allocatable[resourceName]) delete requested[resourceName];
  for (const [name, amount] of Object.entries(requested)) {
    const capacity = allocatable[name] ?? 0;
    const inUse = used[name] ?? 0;
    if (amount === 0 || inUse + amount <= capacity) continue;
    const message = `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${amount}, used: ${inUse}, capacity: ${capacity}`;
    return { reason: `OutOf${name}`, message };
  }
  return undefined;
}
