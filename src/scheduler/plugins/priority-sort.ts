import type { SchedulerPlugin } from '../plugin.ts';

/** The more important pod first, then the older one. */
export const prioritySort: SchedulerPlugin = {
  name: 'PrioritySort',
  compare: (a, b) => (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) || a.order - b.order,
};
