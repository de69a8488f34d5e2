/** APIService: what its status says of a group version that this server serves itself; columns. */
import type { APIService } from '../generated/types.ts';
import { age, columns, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const localAvailability = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

export const apiService = defineStrategy<APIService>({
  prepareForCreate(object) {
    if (object.spec.service) return;
    const lastTransitionTime = object.metadata.creationTimestamp;
    object.status = { conditions: [{ type: 'Available', ...localAvailability, lastTransitionTime }] };
  },
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
