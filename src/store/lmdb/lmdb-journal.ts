import { mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { nextTurn } from '../../base/clock.ts';
import type { Change, Journal, Loaded, Trim } from '../journal.ts';
import { replay } from '../replay.ts';
import { decodeRecord, encodeRecord } from '../record.ts';
import { stateFormat } from './state-format.ts';

/**
 * The journal of a single machine: one LMDB environment with a log (revision → record). `overlappingSync: false` makes a
 * commit mean flushed to disk before it is acknowledged.
 */
export class LmdbJournal implements Journal {
  readonly #root: RootDatabase<Buffer, number>;
  readonly #log: Database<Buffer, number>;
  readonly #meta: Database<number, string>;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#root = open({ path: folder, overlappingSync: false, encoding: 'binary', maxDbs: 4 });
    this.#log = this.#root.openDB<Buffer, number>({ name: 'log', encoding: 'binary' });
    this.#meta = this.#root.openDB<number, string>({ name: 'meta', encoding: 'ordered-binary' });
  }

  async load(): Promise<Loaded> {
    const format = this.#meta.get('format');
    if (format !== undefined && format > stateFormat) {
      throw new Error(`the state was written by a newer knarr (format ${format}; this one reads up to ${stateFormat})`);
    }
    // Written once: with a full disk an old state can still be read.
    if (format !== stateFormat) await flushed([this.#meta.put('format', stateFormat)]);
    const log = this.#log.getRange({}).map(({ key, value }) => decodeRecord(key, value));
    return replay(log, this.#meta.get('compacted') ?? 0);
  }

  async append(changes: readonly Change[], trim: Trim): Promise<void> {
    const writes: Promise<unknown>[] = [];
    const batch = this.#root.batch(() => {
      for (const change of changes) writes.push(this.#log.put(change.version.revision, encodeRecord(change)));
      for (const revision of trim.drop) writes.push(this.#log.remove(revision));
      if (trim.drop.length > 0) writes.push(this.#meta.put('compacted', trim.compacted));
    });
    await flushed([batch, ...writes]);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** Waits for all of them; rejects with what the disk said, which LMDB keeps apart in a promise of its own. */
async function flushed(writes: readonly Promise<unknown>[]): Promise<void> {
  try {
    await Promise.all(writes);
  } catch (error) {
    const { commitError } = error as { commitError?: Promise<never> };
    const cause = await Promise.race([commitError, nextTurn()]).catch((reason: unknown) => reason);
    throw new Error('the journal could not be written', { cause: cause ?? error });
  }
}
