import type { ResourceQuota } from '../generated/types.ts';
import { type CellRule, age, columns, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

/** Used and allowed amounts of the resources that are, or are not, limits. */
const amounts =
  (limits: boolean): CellRule<ResourceQuota> =>
  ({ status }) =>
    Object.keys(status.hard ?? {})
      .sort()
      .filter((resource) => resource.startsWith('limits.') === limits)
      .map((resource) => `${resource}: ${status.used?.[resource] ?? '0'}/${status.hard?.[resource]}`)
      .join(', ');

export const resourceQuota = defineStrategy<ResourceQuota>({
  cells: columns<ResourceQuota>({ Name: name, Request: amounts(false), Limit: amounts(true), Age: age }),
});
