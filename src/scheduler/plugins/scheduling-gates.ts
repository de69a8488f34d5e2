import type { SchedulerPlugin } from '../plugin.ts';

/** A pod with scheduling gates is not even looked at (KEP-3521). */
export const schedulingGates: SchedulerPlugin = {
  name: 'SchedulingGates',
  preEnqueue({ spec }) {
    const gates = (spec.schedulingGates ?? []).map(({ name }) => name);
    return gates.length > 0 ? `waiting for scheduling gates: [${gates.join(' ')}]` : undefined;
  },
};
