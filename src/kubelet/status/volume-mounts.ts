import type { VolumeMount, VolumeMountStatus } from '../../api/generated/types.ts';
import { isRecursivelyReadOnly } from '../config/recursive-read-only.ts';

type Mounts = readonly VolumeMount[];

/** By the mounts of a spec, which never change: statuses are made far more often than specs. */
const made = {
  supported: new WeakMap<Mounts, VolumeMountStatus[]>(),
  unsupported: new WeakMap<Mounts, VolumeMountStatus[]>(),
};

/**
 * A container's mounts as its status shows them; undefined where it has none. `isSupported`: its runtime can make mounts
 * read-only with all that is mounted below them (KEP-3857).
 */
export function volumeMountStatuses(mounts: Mounts = [], isSupported: boolean): VolumeMountStatus[] | undefined {
  if (mounts.length === 0) return undefined;
  const known = isSupported ? made.supported : made.unsupported;
  const statuses = known.get(mounts) ?? mounts.map((mount) => statusOf(mount, isSupported));
  known.set(mounts, statuses);
  return statuses;
}

/** Only what the spec says counts: a volume that is read-only by itself does not show here. */
function statusOf(mount: VolumeMount, isSupported: boolean): VolumeMountStatus {
  const { name, mountPath, readOnly } = mount;
  if (!readOnly) return { name, mountPath };
  return { name, mountPath, readOnly, recursiveReadOnly: isRecursive(mount, isSupported) ? 'Enabled' : 'Disabled' };
}

/** A container whose mount cannot be as it asks does not start, and says why as its waiting state. */
function isRecursive(mount: VolumeMount, isSupported: boolean): boolean {
  try {
    return isRecursivelyReadOnly(mount, isSupported);
  } catch {
    return false;
  }
}
