import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of the groups below one; empty when it is not there. */
export async function childGroups(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Removes a group's folder from the bottom up: the kernel's files in it go with it. Rejects with EBUSY while it is used. */
export async function removeGroup(folder: string): Promise<void> {
  for (const name of await childGroups(folder)) await removeGroup(join(folder, name));
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** A file of a group; empty when it is not there. */
export const groupFile = (folder: string, name: string): Promise<string> =>
  readFile(join(folder, name), 'utf8').catch(() => '');

/** The members of a group; none when it is not there. */
export const groupProcesses = async (folder: string): Promise<number[]> =>
  (await groupFile(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
