import { readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { mountPoints } from './mounts.ts';
import { settled, signal } from '../host/recorded-process.ts';

/**
 * Removes the cgroup `path` (absolute, as in /knarr-NAME/NODE) with all below it from every hierarchy, version 1 and 2,
 * killing what still runs there; and its parent, when that is empty then. Returns the folders that would not go.
 */
export async function removeCgroups(path: string, clock: Clock): Promise<string[]> {
  if (!/^\/[^/]/.test(path)) throw new Error(`not the path of a cgroup of ours: ${path}`);
  const left: string[] = [];
  for (const mount of await mountPoints()) {
    if (mount.fsType !== 'cgroup' && mount.fsType !== 'cgroup2') continue;
    left.push(...(await removeFolder(`${mount.path}${path}`, clock)));
    if (dirname(path) !== '/') await rmdir(`${mount.path}${dirname(path)}`).catch(() => undefined);
  }
  return left;
}

async function removeFolder(folder: string, clock: Clock): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return [];
  const left: string[] = [];
  for (const entry of entries)
    if (entry.isDirectory()) left.push(...(await removeFolder(`${folder}/${entry.name}`, clock)));
  // The kernel refuses (EBUSY) until the last process has really ended.
  const gone = await settled(clock, 2000, async () => {
    for (const pid of await processesIn(folder)) if (pid !== process.pid) signal(pid, 'SIGKILL');
    return rmdir(folder).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    );
  });
  return gone ? left : [...left, folder];
}

async function processesIn(folder: string): Promise<number[]> {
  const text = await readFile(`${folder}/cgroup.procs`, 'utf8').catch(() => '');
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}
