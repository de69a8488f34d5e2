import { chmod, chown, mkdir, readFile, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { Rng } from '../../base/rng.ts';
import { randomSuffix } from '../../base/rng.ts';

/** A file of a volume that mirrors API objects. */
export interface ProjectedFile {
  data: Buffer;
  /** Permission bits. */
  mode: number;
  uid?: number;
}

/** By path relative to the volume. */
export type Payload = Map<string, ProjectedFile>;

export interface AtomicWriteOptions {
  rng: Rng;
  /** Given to everything written; group bits follow the owner's then. */
  fsGroup?: number;
}

/**
 * Writes the payload so that a reader sees all old files or all new ones: the files lie in a fresh `..<name>` folder, one
 * rename turns the `..data` link, the visible names point through it. Writes nothing when nothing changed. The layout is
 * what programs know from Kubernetes: they watch `..data`.
 */
export async function writeAtomically(dir: string, payload: Payload, options: AtomicWriteOptions): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  const oldName = await readlink(join(dir, '..data')).catch(() => undefined);
  if (oldName !== undefined && (await isSame(join(dir, oldName), payload))) return false;
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const name = `..${randomSuffix(options.rng, 10)}`;
  await writeFiles(join(dir, name), payload, options);
  await rm(join(dir, '..data_tmp'), { force: true });
  await symlink(name, join(dir, '..data_tmp'));
  await rename(join(dir, '..data_tmp'), join(dir, '..data'));
  await linkNames(dir, payload);
  await removeLeftovers(dir, name, payload);
  return true;
}

function checkPath(path: string): void {
  const isUnsafe = path === '' || path.startsWith('/') || path.startsWith('..') || path.split('/').includes('..');
  if (isUnsafe || normalize(path) !== path) throw new Error(`invalid path in a volume: ${path}`);
}

async function isSame(dir: string, payload: Payload): Promise<boolean> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => undefined);
  const files = entries?.filter((entry) => entry.isFile());
  if (files?.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const data = await readFile(join(dir, path)).catch(() => undefined);
    if (!data?.equals(file.data)) return false;
  }
  return true;
}

async function writeFiles(dir: string, payload: Payload, { fsGroup }: AtomicWriteOptions): Promise<void> {
  await mkdir(dir, { mode: 0o755 });
  if (fsGroup !== undefined) await chown(dir, 0, fsGroup);
  for (const [path, { data, mode, uid }] of payload) {
    const full = join(dir, path);
    await mkdir(dirname(full), { recursive: true, mode: 0o755 });
    await writeFile(full, data);
    // The umask does not apply to chmod.
    await chmod(full, fsGroup === undefined ? mode : mode | ((mode & 0o700) >> 3));
    if (uid !== undefined || fsGroup !== undefined) await chown(full, uid ?? 0, fsGroup ?? 0);
  }
}

const topOf = (path: string): string => path.split('/')[0] ?? path;

async function linkNames(dir: string, payload: Payload): Promise<void> {
  for (const name of new Set([...payload.keys()].map(topOf))) {
    await symlink(join('..data', name), join(dir, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Earlier data folders, also of a writer that died half-way, and names that are no longer in the payload. */
async function removeLeftovers(dir: string, current: string, payload: Payload): Promise<void> {
  const names = new Set([...payload.keys()].map(topOf));
  for (const entry of await readdir(dir)) {
    if (entry === '..data' || entry === current || names.has(entry)) continue;
    await rm(join(dir, entry), { recursive: true, force: true });
  }
}
