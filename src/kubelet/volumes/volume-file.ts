import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { O_PATH } from './sub-path.ts';

/** Files of variables are not longer (KEP-3721). */
const maxBytes = 64 * 1024;
/** As many as the kernel follows. */
const maxLinks = 40;

/**
 * The text of a file within a volume; undefined when there is none. Links count as they would if the volume were the root of all
 * files, so they cannot lead out of it, also while a container changes them: each component is opened by itself and never
 * followed. Rejects for what is no file (a pipe would keep the reader for good) and for one that is too long.
 */
export async function readVolumeFile(volumePath: string, path: string): Promise<string | undefined> {
  const trail = [await open(volumePath, O_PATH | constants.O_DIRECTORY)];
  try {
    const found = await walk(trail, path);
    return found && (await textOf(found));
  } finally {
    for (const handle of trail) await handle.close();
  }
}

/** Goes on from the root, the first of the trail, which in the end has all that was opened on the way to the answer. */
async function walk(trail: FileHandle[], path: string): Promise<FileHandle | undefined> {
  const names = path.split('/');
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      await back(trail, Math.max(trail.length - 1, 1));
      continue;
    }
    const at = `/proc/self/fd/${trail.at(-1)?.fd}/${name}`;
    const next = await open(at, O_PATH | constants.O_NOFOLLOW).catch(absent);
    if (!next) return undefined;
    trail.push(next);
    if (!(await next.stat()).isSymbolicLink()) continue;
    if (++links > maxLinks) throw new Error(`too many symbolic links in "${path}"`);
    const target = await readlink(at);
    await back(trail, isAbsolute(target) ? 1 : trail.length - 1);
    names.unshift(...target.split('/'));
  }
  return trail.at(-1);
}

async function back(trail: FileHandle[], length: number): Promise<void> {
  for (const handle of trail.splice(length)) await handle.close();
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

async function textOf(found: FileHandle): Promise<string> {
  if (!(await found.stat()).isFile()) throw new Error('it is not a file');
  const reader = await open(`/proc/self/fd/${found.fd}`, 'r');
  try {
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(maxBytes + 1));
    if (bytesRead > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await reader.close();
  }
}
