import { balancedAllocation } from '../../placement/scores/balanced-allocation.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeResourcesBalancedAllocation: SchedulerPlugin = {
  name: 'NodeResourcesBalancedAllocation',
  score: balancedAllocation,
  events: [],
};
