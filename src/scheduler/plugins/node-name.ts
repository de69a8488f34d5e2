import { nodeName } from '../../placement/filters/node-name.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeNamePlugin: SchedulerPlugin = { name: 'NodeName', filter: nodeName, events: ['node.added'] };
