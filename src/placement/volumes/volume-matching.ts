import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { compareQuantity, parseQuantity, type Quantity } from '../../api/meta/quantity.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';

export const annotationNames = {
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  /** The CSI driver that has taken over from the plugin that made it. */
  migratedTo: 'pv.kubernetes.io/migrated-to',
  selectedNode: 'volume.kubernetes.io/selected-node',
  provisioner: 'volume.kubernetes.io/storage-provisioner',
  olderProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
} as const;

/** The older annotation wins, as it did when both were new. */
export const classOf = (o: PersistentVolume | PersistentVolumeClaim): string =>
  o.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? o.spec.storageClassName ?? '';

/** The storage in a list of capacities or requests. */
export const storageOf = (amounts: Readonly<Record<string, string>> | undefined): Quantity =>
  parseQuantity(amounts?.['storage'] ?? '0');
export const requestOf = ({ spec }: PersistentVolumeClaim): Quantity => storageOf(spec.resources?.requests);

/** A volume that names a claim without its uid waits for whatever claim comes under that name. */
export function isReservedFor(ref: ObjectReference | undefined, { metadata }: PersistentVolumeClaim): boolean {
  if (!ref || ref.name !== metadata.name || ref.namespace !== metadata.namespace) return false;
  return !ref.uid || ref.uid === metadata.uid;
}

/** What keeps a volume from a claim that names it, in the API's words. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (compareQuantity(storageOf(volume.spec.capacity), requestOf(claim)) < 0) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if ((volume.spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')) {
    return 'incompatible volumeMode';
  }
  return hasModes(volume, claim) ? undefined : 'incompatible accessMode';
}

const hasModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));

/** The volume for a claim: the one reserved for it, else the smallest free one that will do. */
export function bestVolume(claim: PersistentVolumeClaim, volumes: PersistentVolume[]): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (isReservedFor(volume.spec.claimRef, claim)) {
      if (!mismatch(volume, claim)) return volume;
      continue;
    }
    if (!isFree(volume) || mismatch(volume, claim) || !isSelected(claim, volume)) continue;
    if (!best || compareQuantity(storageOf(volume.spec.capacity), storageOf(best.spec.capacity)) < 0) best = volume;
  }
  return best;
}

const isFree = ({ metadata, spec, status }: PersistentVolume): boolean =>
  !spec.claimRef && !metadata.deletionTimestamp && (status?.phase ?? 'Available') === 'Available';

const isSelected = ({ spec }: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  !spec.selector || matchesLabelSelector(spec.selector, volume.metadata.labels ?? {});
