import { chmod, chown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/types.ts';

/** Gives a volume to the pod's fsGroup: group owner, group may do what the owner may, new files inherit the group. */
export async function giveToGroup(path: string, pod: Pod): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined) return;
  if (fsGroupChangePolicy === 'OnRootMismatch' && (await isGiven(path, fsGroup))) return;
  await giveTree(path, fsGroup);
}

async function isGiven(path: string, group: number): Promise<boolean> {
  const { gid, mode } = await lstat(path);
  return gid === group && (mode & 0o2070) === 0o2070;
}

async function giveTree(path: string, group: number): Promise<void> {
  const { mode, uid } = await lstat(path);
  const isDirectory = (mode & 0o170000) === 0o040000;
  if ((mode & 0o170000) === 0o120000) return;
  await chown(path, uid, group);
  const groupBits = isDirectory ? 0o2070 : 0o060;
  await chmod(path, (mode & 0o7777) | groupBits);
  if (!isDirectory) return;
  for (const name of await readdir(path)) await giveTree(join(path, name), group);
}
