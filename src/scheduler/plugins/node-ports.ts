import { nodePorts } from '../../placement/filters/node-ports.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodePortsPlugin: SchedulerPlugin = {
  name: 'NodePorts',
  filter: nodePorts,
  events: ['node.added', 'pod.deleted'],
};
