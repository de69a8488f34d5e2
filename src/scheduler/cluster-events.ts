import type { Pod, PodGroup } from '../api/generated/types.ts';
import type { NodeChange } from '../placement/node-info.ts';

/** What happens in the cluster that can make room for a pod. */
export type EventKind =
  | 'node.added'
  | 'node.deleted'
  | 'node.allocatable'
  | 'node.labels'
  | 'node.taints'
  | 'namespace.labels'
  | 'pod.added'
  | 'pod.deleted'
  | 'pod.updated'
  | 'volume.changed'
  | 'csinode.changed'
  | 'device.changed'
  | 'podgroup.changed';

/** What metrics call them. */
export const upstreamName: Readonly<Record<EventKind, string>> = {
  'node.added': 'NodeAdd',
  'node.deleted': 'NodeDelete',
  'node.allocatable': 'NodeAllocatableChange',
  'node.labels': 'NodeLabelChange',
  'node.taints': 'NodeTaintChange',
  'namespace.labels': 'NamespaceUpdate',
  'pod.added': 'AssignedPodAdd',
  'pod.deleted': 'AssignedPodDelete',
  'pod.updated': 'AssignedPodUpdate',
  'volume.changed': 'VolumeChange',
  'csinode.changed': 'CSINodeUpdate',
  'device.changed': 'DeviceChange',
  'podgroup.changed': 'PodGroupChange',
};

export interface ClusterEvent {
  readonly kind: EventKind;
  /** Of the node that changed, or that the pod is (or was) on; undefined when it is not known. */
  readonly slot?: number | undefined;
  /** Of a node that is gone. */
  readonly node?: string;
  readonly pod?: Pod;
  readonly group?: PodGroup;
  /** The pod before. */
  readonly old?: Pod | undefined;
}

/** What a change of a node can mean for pods that wait. */
export function nodeEvents(change: NodeChange, slot: number | undefined): ClusterEvent[] {
  if (change.added) return [{ kind: 'node.added', slot }];
  const events: ClusterEvent[] = [];
  if (change.allocatable) events.push({ kind: 'node.allocatable', slot });
  if (change.labels) events.push({ kind: 'node.labels', slot });
  if (change.taints) events.push({ kind: 'node.taints', slot });
  return events;
}

/** What a change of a pod on a node can mean: a new one brings others near, only a smaller one makes room. */
export function podEvents(old: Pod | undefined, pod: Pod, slot: number | undefined): ClusterEvent[] {
  const updated = { kind: 'pod.updated' as const, slot, pod, old };
  if (!old?.spec.nodeName) return [{ kind: 'pod.added', slot, pod }];
  if (!sameText(old.metadata.labels, pod.metadata.labels)) return [updated];
  // A pod that is going is not counted where pods are to be spread.
  if (old.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp) return [updated];
  if (old.spec === pod.spec) return [];
  const requests = (p: Pod) => p.spec.containers.map((container) => container.resources);
  return sameText(requests(old), requests(pod)) ? [] : [updated];
}

const sameText = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
