import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface MountPoint {
  path: string;
  fsType: string;
  /** What is mounted below it in one mount namespace is seen in those that share it (mount_namespaces(7)). */
  isShared: boolean;
}

/** The lines of /proc/PID/mountinfo (proc(5)), in the order they were mounted. */
export function parseMountInfo(text: string): MountPoint[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , , path = '', , ...optional] = before.split(' ');
      const isShared = optional.some((field) => field.startsWith('shared:'));
      return { path: unescapeOctal(path), fsType: after.split(' ')[0] ?? '', isShared };
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

/**
 * Makes sure that mounts which a pod with mountPropagation Bidirectional makes below `dir` reach this machine and other pods.
 * systemd shares all mounts; where nobody did (in most containers), `dir` becomes a mount of its own. Whoever deletes the
 * folder unmounts it first.
 */
export async function shareMounts(dir: string): Promise<void> {
  const around = (await mountPoints()).filter(
    ({ path }) => path === dir || dir.startsWith(path === '/' ? '/' : `${path}/`),
  );
  // Of several on one path the last one is seen.
  const nearest = around.reduce((best, one) => (one.path.length >= best.path.length ? one : best));
  if (nearest.isShared) return;
  // With all that is mounted below it: containers of an earlier agent use that.
  if (nearest.path !== dir) await run('mount', ['--rbind', dir, dir]);
  await run('mount', ['--make-rshared', dir]);
}

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
