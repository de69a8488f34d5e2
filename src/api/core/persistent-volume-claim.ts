import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../generated/types.ts';
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';
import { accessModesText, storageClassCell, volumePhaseCell } from './persistent-volume.ts';

/** `dataSource` takes only claims and snapshots; anything else is dropped without a word, as it always was. */
function dropOtherSource(spec: PersistentVolumeClaimSpec): void {
  const { kind, apiGroup } = spec.dataSource ?? {};
  const isClaim = kind === 'PersistentVolumeClaim' && !apiGroup;
  const isSnapshot = kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
  if (!isClaim && !isSnapshot) delete spec.dataSource;
}

/** `dataSource` and `dataSourceRef` say the same unless the source is in another namespace (KEP-1495). */
function mirrorDataSource(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { apiGroup, kind, name } = dataSourceRef;
    spec.dataSource = { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name };
  }
}

export const persistentVolumeClaim = defineStrategy<PersistentVolumeClaim>({
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    if (claim.spec.dataSource) dropOtherSource(claim.spec);
    mirrorDataSource(claim.spec);
  },
  prepareForUpdate(claim) {
    mirrorDataSource(claim.spec);
  },
  cells: columns<PersistentVolumeClaim>({
    Name: name,
    Status: volumePhaseCell,
    Volume: field('spec.volumeName'),
    Capacity: ({ spec, status }) => (spec.volumeName ? (status.capacity?.storage ?? '0') : ''),
    'Access Modes': ({ spec, status }) => (spec.volumeName ? accessModesText(status.accessModes) : ''),
    StorageClass: storageClassCell,
    VolumeAttributesClass: field('spec.volumeAttributesClassName', '<unset>'),
    Age: age,
    VolumeMode: field('spec.volumeMode', '<unset>'),
  }),
});
