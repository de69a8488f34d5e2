import { unschedulable } from '../../placement/filters/unschedulable.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  filter: unschedulable,
  hints: forAll(nodeWouldDo(unschedulable), 'node.added', 'node.taints'),
};
