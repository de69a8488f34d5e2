import type { Pod, Volume } from '../../api/generated/types.ts';
import { claimsOf } from '../volumes/pod-claims.ts';
import type { NodeFilter } from './node-filter.ts';

const diskConflict = 'node(s) had no available disk';
const exclusiveClaim = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

/** Two pods on one node cannot have the same disk unless both only read; a `ReadWriteOncePod` claim serves one pod at all. */
export const volumeRestrictions: NodeFilter = {
  prepare({ snapshot, pod }) {
    const { volumes } = pod.spec;
    if (!volumes?.length) return undefined;
    const disks = volumes.filter(isDisk);
    const isTaken = usesTakenClaim();
    if (disks.length === 0 && !isTaken) return undefined;
    const clashes = (slot: number) => {
      for (const placed of disks.length > 0 ? (snapshot.node(slot)?.pods.values() ?? []) : [])
        if (placed.pod.spec.volumes?.some((other) => disks.some((disk) => conflicts(disk, other)))) return true;
      return false;
    };
    return {
      passes: (slot) => !isTaken && !clashes(slot),
      reasons: (slot) => [clashes(slot) ? diskConflict : exclusiveClaim],
      resolvable: () => true,
    };

    function usesTakenClaim(): boolean {
      const claims = claimsOf(snapshot.volumes, pod as Pod);
      if (typeof claims === 'string') return false;
      return [...claims.bound, ...claims.delayed, ...claims.immediate].some(
        (claim) => claim.spec.accessModes?.includes('ReadWriteOncePod') && snapshot.volumes.usersOf(claim) > 0,
      );
    }
  },
};

const isDisk = (v: Volume): boolean => Boolean(v.gcePersistentDisk || v.awsElasticBlockStore || v.rbd || v.iscsi);

function conflicts(a: Volume, b: Volume): boolean {
  const areOnlyRead = (x: { readOnly?: boolean } | undefined, y: { readOnly?: boolean } | undefined) =>
    Boolean(x?.readOnly && y?.readOnly);
  if (a.gcePersistentDisk && a.gcePersistentDisk.pdName === b.gcePersistentDisk?.pdName)
    return !areOnlyRead(a.gcePersistentDisk, b.gcePersistentDisk);
  if (a.awsElasticBlockStore && a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID)
    return !areOnlyRead(a.awsElasticBlockStore, b.awsElasticBlockStore);
  if (a.iscsi && a.iscsi.iqn === b.iscsi?.iqn) return !areOnlyRead(a.iscsi, b.iscsi);
  if (!a.rbd || !b.rbd) return false;
  const isSame =
    a.rbd.monitors.some((monitor) => b.rbd?.monitors.includes(monitor)) &&
    (a.rbd.pool ?? 'rbd') === (b.rbd.pool ?? 'rbd') &&
    a.rbd.image === b.rbd.image;
  return isSame && !areOnlyRead(a.rbd, b.rbd);
}
