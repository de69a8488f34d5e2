import { unschedulable } from '../../placement/filters/unschedulable.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  filter: unschedulable,
  events: ['node.added', 'node.taints', 'pod.updated'],
};
