import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
 * what programs know from Kubernetes: they watch `..data`. Not asynchronous: the folder is in memory, where two dozen steps take
 * less time than handing one of them to another thread.
 */
export function writeAtomically(dir: string, payload: Payload, options: AtomicWriteOptions): boolean {
  for (const path of payload.keys()) checkPath(path);
  const oldName = orUndefined(() => readlinkSync(join(dir, '..data')));
  if (oldName !== undefined && isSame(join(dir, oldName), payload)) return false;
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const name = `..${randomSuffix(options.rng, 10)}`;
  writeFiles(join(dir, name), payload, options);
  rmSync(join(dir, '..data_tmp'), { force: true });
  symlinkSync(name, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  linkNames(dir, payload);
  removeLeftovers(dir, name, payload);
  return true;
}

function checkPath(path: string): void {
  const isUnsafe = path === '' || path.startsWith('/') || path.startsWith('..') || path.split('/').includes('..');
  if (isUnsafe || normalize(path) !== path) throw new Error(`invalid path in a volume: ${path}`);
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isSame(dir: string, payload: Payload): boolean {
  const entries = orUndefined(() => readdirSync(dir, { recursive: true, withFileTypes: true }));
  const files = entries?.filter((entry) => entry.isFile());
  if (files?.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const data = orUndefined(() => readFileSync(join(dir, path)));
    if (!data?.equals(file.data)) return false;
  }
  return true;
}

function writeFiles(dir: string, payload: Payload, { fsGroup }: AtomicWriteOptions): void {
  mkdirSync(dir, { mode: 0o755 });
  if (fsGroup !== undefined) chownSync(dir, 0, fsGroup);
  for (const [path, { data, mode, uid }] of payload) {
    const full = join(dir, path);
    if (path.includes('/')) mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
    writeFileSync(full, data);
    // The umask does not apply to chmod.
    chmodSync(full, fsGroup === undefined ? mode : mode | ((mode & 0o700) >> 3));
    if (uid !== undefined || fsGroup !== undefined) chownSync(full, uid ?? 0, fsGroup ?? 0);
  }
}

const topOf = (path: string): string => path.split('/')[0] ?? path;

function linkNames(dir: string, payload: Payload): void {
  for (const name of new Set([...payload.keys()].map(topOf))) {
    try {
      symlinkSync(join('..data', name), join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Earlier data folders, also of a writer that died half-way, and names that are no longer in the payload. */
function removeLeftovers(dir: string, current: string, payload: Payload): void {
  const names = new Set([...payload.keys()].map(topOf));
  for (const entry of readdirSync(dir)) {
    if (entry === '..data' || entry === current || names.has(entry)) continue;
    rmSync(join(dir, entry), { recursive: true, force: true });
  }
}
