import { link, mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writePublic } from '../../pki/files.ts';

/** What must be the same after a restart. `format` says how to read it. */
export interface NetworkState {
  format: 1;
  index: number;
  /** Every node that ever was, so that no other gets its address. */
  ordinals: Record<string, number>;
  /** Nodes whose link is down, until they are healed or started. */
  cutOff?: string[];
}

/** The state of an earlier run; undefined before the first. */
export async function readState(path: string): Promise<NetworkState | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as NetworkState;
  if (state.format !== 1) throw new Error(`${path}: format ${state.format} is not known`);
  return state;
}

/** Written whole or not at all. */
export const writeState = (path: string, state: NetworkState): Promise<void> =>
  writePublic(path, `${JSON.stringify(state, undefined, 2)}\n`);

/** Remembers a value unless one is remembered already (by another cluster, say). */
export async function rememberOnce(path: string, value: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}`;
  await writeFile(next, value);
  try {
    await link(next, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(next, { force: true });
  }
}

export const readRemembered = readIfThere;

/** Forgets the value, and the folder with it when nothing else is in there. */
export async function forget(path: string): Promise<void> {
  await rm(path, { force: true });
  await rmdir(dirname(path)).catch(() => {});
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
