import { nodePorts } from '../../placement/filters/node-ports.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodePortsPlugin: SchedulerPlugin = {
  name: 'NodePorts',
  filter: nodePorts,
  hints: forAll(nodeWouldDo(nodePorts), 'node.added', 'pod.deleted'),
};
