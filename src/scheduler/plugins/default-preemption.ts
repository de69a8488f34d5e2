import type { SchedulerPlugin } from '../plugin.ts';
import { type PreemptionArgs, preempt } from '../preemption/preempt.ts';

/** Makes room for a pod by sending less important ones away. */
export const defaultPreemption: SchedulerPlugin = make({});

function make(args: PreemptionArgs): SchedulerPlugin {
  return {
    name: 'DefaultPreemption',
    postFilter: (attempt) => preempt(attempt, args, attempt.dryRuns),
    configure: (more) => make(more),
  };
}
