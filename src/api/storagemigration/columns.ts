/** storagemigration.k8s.io: columns. */
import type { StorageVersionMigration } from '../generated/types.ts';
import { columns, name } from '../meta/columns.ts';
import { groupResource } from '../resource.ts';
import { defineStrategy } from '../strategy.ts';

export const storageVersionMigration = defineStrategy<StorageVersionMigration>({
  cells: columns<StorageVersionMigration>({
    Name: name,
    Resource: ({ spec }) =>
      groupResource({ group: spec.resource?.group ?? '', resource: spec.resource?.resource ?? '' }),
    Status: ({ status }) =>
      ['Succeeded', 'Failed', 'Running'].find((type) =>
        status.conditions?.some((c) => c.type === type && c.status === 'True'),
      ) ?? 'Pending',
  }),
});
