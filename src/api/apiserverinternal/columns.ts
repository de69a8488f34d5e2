/** internal.apiserver.k8s.io: columns. */
import type { StorageVersion } from '../generated/types.ts';
import { age, columns, field, firstOf, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const storageVersion = defineStrategy<StorageVersion>({
  cells: columns<StorageVersion>({
    Name: name,
    CommonEncodingVersion: field('status.commonEncodingVersion', '<unset>'),
    StorageVersions: ({ status }) =>
      firstOf(
        (status.storageVersions ?? []).map((v) => `${v.apiServerID}=${v.encodingVersion}`),
        3,
      ) || '<unset>',
    Age: age,
  }),
});
