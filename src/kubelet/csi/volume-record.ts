import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is written beside a mount before the driver is asked for it: whoever comes later can undo it. Kubernetes' names. */
export interface VolumeRecord {
  /** The PersistentVolume's name, or that of the volume in the pod's spec. */
  specVolID?: string;
  volumeHandle: string;
  driverName: string;
  nodeName?: string;
  /** Only of volumes that have to be attached. */
  attachmentID?: string;
  volumeLifecycleMode?: 'Persistent' | 'Ephemeral';
  /** Only of devices. */
  volumeMode?: 'Block';
}

const fileName = 'vol_data.json';

/** Makes the folder, too. */
export async function writeRecord(folder: string, record: VolumeRecord): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const next = join(folder, `${fileName}.next`);
  await writeFile(next, JSON.stringify(record), { mode: 0o600 });
  await rename(next, join(folder, fileName));
}

/** Undefined where there is none: nothing was begun there. Throws for one that says nothing. */
export async function readRecord(folder: string): Promise<VolumeRecord | undefined> {
  const text = await readFile(join(folder, fileName), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as Partial<VolumeRecord>;
  if (!record.driverName || !record.volumeHandle) throw new Error(`${join(folder, fileName)} names no volume`);
  return record as VolumeRecord;
}

/**
 * Removes an empty mount point, or the file that stands for a device, then the record and its folder. Rejects rather than delete
 * what somebody's volume holds.
 */
export async function removeVolumeFolder(folder: string, mountPoint: string): Promise<void> {
  const found = await lstat(mountPoint).catch(unlessMissing);
  if (found) await (found.isDirectory() ? rmdir(mountPoint) : unlink(mountPoint));
  await rm(join(folder, fileName), { force: true });
  await rm(join(folder, `${fileName}.next`), { force: true });
  await rmdir(folder).catch(unlessMissing);
}

/** Names in a folder; none where it is missing. */
export const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
