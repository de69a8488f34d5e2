/** scheduling.k8s.io: columns. */
import type { PodGroup } from '../generated/types.ts';
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const priorityClass = defineStrategy({
  cells: columns({
    Name: name,
    Value: field('value', 0),
    'Global-Default': field('globalDefault', false),
    Age: age,
    PreemptionPolicy: field('preemptionPolicy'),
  }),
});

export const podGroup = defineStrategy<PodGroup>({
  cells: columns<PodGroup>({
    Name: name,
    Policy: ({ spec }) => (spec.schedulingPolicy?.gang ? 'Gang' : spec.schedulingPolicy?.basic ? 'Basic' : '<unset>'),
    Workload: field('spec.podGroupTemplateRef.workload.workloadName', '<none>'),
    Status: ({ status }) => {
      const scheduled = status.conditions?.find((c) => c.type === 'PodGroupScheduled');
      if (!scheduled) return 'Pending';
      return scheduled.status === 'True' ? 'Scheduled' : scheduled.reason;
    },
    Age: age,
  }),
});
