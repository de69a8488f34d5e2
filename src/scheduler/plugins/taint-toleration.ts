import { taintsTolerated } from '../../placement/filters/taints.ts';
import { preferredTaints } from '../../placement/scores/preferred-taints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  filter: taintsTolerated,
  score: preferredTaints,
  weight: 3,
  events: ['node.added', 'node.taints', 'pod.updated'],
};
