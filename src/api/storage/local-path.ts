import type { PersistentVolume, PersistentVolumeClaim } from '../generated/types.ts';

/** The built-in storage: a volume is a folder on the disk of one node, made for the first pod that asks. */
export const localPathDriver = 'local-path.knarr.dev';

/** On a volume: the node whose disk it is on. */
export const localPathNodeLabel = 'local-path.knarr.dev/node';

/** Holds a volume until its node has let go of the data. */
export const localPathFinalizer = 'local-path.knarr.dev/data';

export const isLocalPath = ({ spec }: PersistentVolume): boolean => spec.csi?.driver === localPathDriver;

/**
 * Whether the node may let go now: the volume is being deleted and nothing else holds it. A volume that is still bound is held
 * by `kubernetes.io/pv-protection`, and its data stay whatever happens to the object.
 */
export const isDataFree = ({ metadata }: PersistentVolume): boolean =>
  metadata.deletionTimestamp !== undefined &&
  metadata.finalizers?.length === 1 &&
  metadata.finalizers[0] === localPathFinalizer;

/** What keeps a claim from being given a folder; undefined when nothing does. */
export function localPathRefusal({ spec }: PersistentVolumeClaim, node: string | undefined): string | undefined {
  if (spec.volumeMode === 'Block') return `${localPathDriver} has no block volumes`;
  const shared = spec.accessModes?.find((mode) => mode !== 'ReadWriteOnce' && mode !== 'ReadWriteOncePod');
  if (shared) return `${localPathDriver} only supports ReadWriteOnce and ReadWriteOncePod access modes, not ${shared}`;
  if (spec.dataSource || spec.dataSourceRef) return `${localPathDriver} can't fill a volume from a data source`;
  if (!node)
    return `${localPathDriver} needs a StorageClass with volumeBindingMode WaitForFirstConsumer: no node was selected`;
  return undefined;
}
