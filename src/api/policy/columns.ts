/** policy: columns. */
import type { PodDisruptionBudget } from '../generated/types.ts';
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const podDisruptionBudget = defineStrategy<PodDisruptionBudget>({
  cells: columns<PodDisruptionBudget>({
    Name: name,
    'Min Available': ({ spec }) => String(spec.minAvailable ?? 'N/A'),
    'Max Unavailable': ({ spec }) => String(spec.maxUnavailable ?? 'N/A'),
    'Allowed Disruptions': field('status.disruptionsAllowed', 0),
    Age: age,
  }),
});
