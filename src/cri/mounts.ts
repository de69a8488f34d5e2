import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface MountPoint {
  path: string;
  fsType: string;
}

/** The lines of /proc/PID/mountinfo (proc(5)), in the order they were mounted. */
export function parseMountInfo(text: string): MountPoint[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      return { path: unescapeOctal(before.split(' ')[4] ?? ''), fsType: after.split(' ')[0] ?? '' };
    });
}

const unescapeOctal = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

export async function mountPoints(): Promise<MountPoint[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** What is mounted below `dir` or on it, last mounted first. */
export async function mountsBelow(dir: string): Promise<string[]> {
  const paths = (await mountPoints()).map((mount) => mount.path);
  return paths.filter((path) => path === dir || path.startsWith(`${dir}/`)).reverse();
}

const run = promisify(execFile);

/** Unmounts everything below `dir`; what is mounted on it is its owner's. Busy mounts are detached and end with their last user. */
export async function unmountBelow(dir: string): Promise<void> {
  await unmount((await mountsBelow(dir)).filter((path) => path !== dir));
}

async function unmount(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    // One mount may take others with it (shared subtrees): whether all are gone is asked afterwards.
    await run('umount', [path]).catch(() => run('umount', ['-l', path]).catch(() => undefined));
  }
}

/** Unmounts what is below `dir` and on it, then deletes it. Throws rather than delete through a mount that would not go. */
export async function removeTree(dir: string): Promise<void> {
  await unmount(await mountsBelow(dir));
  const left = await mountsBelow(dir);
  if (left.length > 0) throw new Error(`${dir} is not deleted: still mounted: ${left.slice(0, 5).join(', ')}`);
  await rm(dir, { recursive: true, force: true });
}
