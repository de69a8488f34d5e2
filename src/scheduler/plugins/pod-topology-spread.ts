import { topologySpread } from '../../placement/filters/topology-spread.ts';
import { preferredSpread } from '../../placement/scores/topology-spread.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const podTopologySpread: SchedulerPlugin = {
  name: 'PodTopologySpread',
  filter: topologySpread,
  score: preferredSpread,
  weight: 2,
  events: ['pod.added', 'pod.deleted', 'pod.updated', 'node.added', 'node.deleted', 'node.labels', 'node.taints'],
};
