import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { outputOf, type RunCommand } from '../../host/command.ts';

/** open(2): a handle on the place itself, with no right to read. Linux' number; Node does not name it. */
export const O_PATH = 0o10000000;

export interface SubPathInput {
  volumePath: string;
  subPath: string;
  /** Where the chosen place is to be mounted; made when missing, nothing may be mounted there yet. */
  target: string;
}

/**
 * Mounts one place within a volume by itself. A container may swap folders for symbolic links at any moment: the place is
 * therefore opened step by step without following links, and what was opened is mounted, not a path. Missing folders are
 * made. Throws when it would lead out of the volume.
 */
export async function mountSubPath({ volumePath, subPath, target }: SubPathInput, run: RunCommand): Promise<string> {
  if (isAbsolute(subPath) || subPath.split('/').includes('..'))
    throw new Error(`subPath "${subPath}" must stay within the volume`);
  const base = await realpath(volumePath);
  const inner = await resolveWithin(base, subPath);
  const handle = await openWithin(base, inner);
  try {
    await makeTarget(target, (await handle.stat()).isDirectory());
    const source = `/proc/${process.pid}/fd/${handle.fd}`;
    await outputOf(run, { program: 'mount', args: ['--bind', source, target] });
  } finally {
    await handle.close();
  }
  return target;
}

/** The real path below `base` that `subPath` leads to through links; missing folders are made where the last real one is. */
async function resolveWithin(base: string, subPath: string): Promise<string> {
  let existing = join(base, subPath);
  const missing: string[] = [];
  let real: string | undefined;
  while (real === undefined) {
    real = await realpath(existing).catch(() => undefined);
    if (real !== undefined) break;
    missing.unshift(existing.slice(dirname(existing).length + 1));
    existing = dirname(existing);
  }
  const inner = relative(base, real);
  // `..2981` is a name like any other: the folders of volumes that mirror API objects begin so.
  if (inner === '..' || inner.startsWith('../')) throw new Error(`subPath "${subPath}" is not within the volume`);
  if (missing.length > 0) await makeWithin(base, inner, missing);
  return join(inner, ...missing);
}

async function makeWithin(base: string, inner: string, missing: string[]): Promise<void> {
  let at = await openWithin(base, inner);
  for (const name of missing) {
    try {
      await mkdir(`/proc/self/fd/${at.fd}/${name}`, { mode: 0o755 }).catch(ignoreExisting);
      const next = await step(at, name);
      await at.close();
      at = next;
    } catch (error) {
      await at.close();
      throw error;
    }
  }
  await at.close();
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function openWithin(base: string, inner: string): Promise<FileHandle> {
  let at = await open(base, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  for (const name of inner.split('/').filter((part) => part !== '' && part !== '.')) {
    const parent = at;
    try {
      at = await step(parent, name);
    } finally {
      await parent.close();
    }
  }
  return at;
}

/** One component further; refuses a link, which was none when the path was resolved. */
async function step(from: FileHandle, name: string): Promise<FileHandle> {
  const next = await open(`/proc/self/fd/${from.fd}/${name}`, O_PATH | constants.O_NOFOLLOW);
  if (!(await next.stat()).isSymbolicLink()) return next;
  await next.close();
  throw new Error(`"${name}" became a symbolic link`);
}

async function makeTarget(target: string, isDirectory: boolean): Promise<void> {
  if (isDirectory) {
    await mkdir(target, { recursive: true });
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, '', { flag: 'a' });
}
