import type { PersistentVolume } from '../generated/types.ts';
import { type CellRule, age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const accessModeLetters: Record<string, string> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** Access modes in short, each once, in the API's order: `RWO,ROX`. */
export const accessModesText = (modes: string[] | undefined): string =>
  Object.keys(accessModeLetters)
    .filter((mode) => modes?.includes(mode))
    .map((mode) => accessModeLetters[mode])
    .join(',');

/** The class of a volume or claim; the old annotation still wins. */
export const storageClassCell: CellRule = (object) =>
  object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? field('spec.storageClassName')(object, 0);

/** The phase, or Terminating once deletion was asked for. */
export const volumePhaseCell: CellRule = (object) =>
  object.metadata.deletionTimestamp ? 'Terminating' : field('status.phase')(object, 0);

const claim: CellRule<PersistentVolume> = ({ spec }) =>
  spec.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '';

export const persistentVolume = defineStrategy<PersistentVolume>({
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: volume.metadata.creationTimestamp };
  },
  cells: columns<PersistentVolume>({
    Name: name,
    Capacity: ({ spec }) => spec.capacity?.storage ?? '0',
    'Access Modes': ({ spec }) => accessModesText(spec.accessModes),
    'Reclaim Policy': field('spec.persistentVolumeReclaimPolicy'),
    Status: volumePhaseCell,
    Claim: claim,
    StorageClass: storageClassCell,
    VolumeAttributesClass: field('spec.volumeAttributesClassName', '<unset>'),
    Reason: field('status.reason'),
    Age: age,
    VolumeMode: field('spec.volumeMode', '<unset>'),
  }),
});
