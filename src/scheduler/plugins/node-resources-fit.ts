import { resourcesFit } from '../../placement/filters/resources.ts';
import { leastAllocated } from '../../placement/scores/least-allocated.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeResourcesFit: SchedulerPlugin = {
  name: 'NodeResourcesFit',
  filter: resourcesFit,
  score: leastAllocated,
  events: ['node.added', 'node.allocatable', 'pod.deleted', 'pod.updated'],
};
