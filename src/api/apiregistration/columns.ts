/** apiregistration.k8s.io: columns. */
import type { APIService } from '../generated/types.ts';
import { age, columns, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const apiService = defineStrategy<APIService>({
  cells: columns<APIService>({
    Name: name,
    Service: ({ spec }) => (spec.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local'),
    Available: ({ status }) => {
      const condition = status.conditions?.find((c) => c.type === 'Available');
      if (!condition) return 'Unknown';
      return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
    },
    Age: age,
  }),
});
