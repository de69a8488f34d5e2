import { nodeAffinity } from '../../placement/filters/node-affinity.ts';
import { preferredAffinity } from '../../placement/scores/preferred-affinity.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeAffinityPlugin: SchedulerPlugin = {
  name: 'NodeAffinity',
  filter: nodeAffinity,
  score: preferredAffinity,
  weight: 2,
  events: ['node.added', 'node.labels', 'pod.updated'],
};
