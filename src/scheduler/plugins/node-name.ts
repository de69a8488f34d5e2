import { nodeName } from '../../placement/filters/node-name.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeNamePlugin: SchedulerPlugin = {
  name: 'NodeName',
  filter: nodeName,
  hints: forAll(nodeWouldDo(nodeName), 'node.added'),
};
