import { mkdir } from 'node:fs/promises';
import { open } from 'lmdb';
import { LmdbJournal } from './lmdb-journal.ts';
import { readStateFormat } from './state-format.ts';

/** What a state folder holds. */
export interface StateSummary {
  format: number;
  revision: number;
  objects: number;
}

/**
 * Copies the state of one moment, while a server writes on (mdb_env_copy2 in a read transaction: one revision, compacted).
 * `to` is made, and must be empty.
 */
export async function copyState(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const root = open({ path: from, readOnly: true, encoding: 'binary', maxDbs: 4 });
  try {
    await root.backup(to, true);
  } finally {
    await root.close();
  }
}

/** Reads a state folder that nobody has open, whole, as a server would. Throws where a server could not start from it. */
export async function inspectState(folder: string): Promise<StateSummary> {
  const format = readStateFormat(folder);
  const journal = new LmdbJournal(folder);
  try {
    const { revision, current } = await journal.load();
    return { format, revision, objects: [...current].length };
  } finally {
    await journal.close();
  }
}
