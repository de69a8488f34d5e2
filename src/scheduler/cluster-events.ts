import type { Pod } from '../api/generated/types.ts';
import type { NodeChange } from '../placement/node-info.ts';
import type { ClusterEvent } from './plugin.ts';

/** What a change of a node can mean for pods that wait. */
export function nodeEvents(change: NodeChange): ClusterEvent[] {
  if (change.added) return ['node.added'];
  const events: ClusterEvent[] = [];
  if (change.allocatable) events.push('node.allocatable');
  if (change.labels) events.push('node.labels');
  if (change.taints) events.push('node.taints');
  return events;
}

/** What a change of a pod on a node can mean: a new one brings others near, only a smaller one makes room. */
export function podEvents(old: Pod | undefined, pod: Pod): ClusterEvent[] {
  if (!old?.spec.nodeName) return ['pod.added'];
  if (!sameText(old.metadata.labels, pod.metadata.labels)) return ['pod.updated'];
  // A pod that is going is not counted where pods are to be spread.
  if (old.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp) return ['pod.updated'];
  if (old.spec === pod.spec) return [];
  const requests = (p: Pod) => p.spec.containers.map((container) => container.resources);
  return sameText(requests(old), requests(pod)) ? [] : ['pod.updated'];
}

const sameText = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
