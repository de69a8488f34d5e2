import { defaultResources, type WeightedResource } from '../../placement/scores/allocation.ts';
import { balancedAllocationOf } from '../../placement/scores/balanced-allocation.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeResourcesBalancedAllocation: SchedulerPlugin = make({});

function make({ resources = defaultResources }: { resources?: readonly WeightedResource[] }): SchedulerPlugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    score: balancedAllocationOf(resources),
    configure: (args) => make(args),
  };
}
