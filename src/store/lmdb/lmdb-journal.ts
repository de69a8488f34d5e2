import { mkdirSync } from 'node:fs';
import { mkdir, open as openFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type PutOptions, type RootDatabase } from 'lmdb';
import { nextTurn } from '../../base/clock.ts';
import type { Change, Journal, Loaded, Trim } from '../journal.ts';
import { replay } from '../replay.ts';
import { plainRecords, type RecordCodec } from '../record.ts';
import { slabCopies } from '../slabs.ts';
import { stateFormat } from './state-format.ts';

/** Revisions only grow. Told so, LMDB fills pages; otherwise it leaves room in each for one record more, half of it for large ones. */
const atEnd = { append: true };
const stateFile = 'data.mdb';
/** Records that are sealed anew between two waits. */
const batchSize = 1000;

/**
 * The journal of a single machine: one LMDB environment with a log (revision → record). `overlappingSync: false` makes a
 * commit mean flushed to disk before it is acknowledged.
 */
export class LmdbJournal implements Journal {
  readonly records: RecordCodec;
  readonly #folder: string;
  #env: Environment;

  constructor(folder: string, records: RecordCodec = plainRecords) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.records = records;
    this.#env = opened(folder);
  }

  async load(): Promise<Loaded> {
    const format = this.#env.meta.get('format');
    if (format !== undefined && format > stateFormat) {
      throw new Error(`the state was written by a newer knarr (format ${format}; this one reads up to ${stateFormat})`);
    }
    // Written once: with a full disk an old state can still be read.
    if (format !== stateFormat) await flushed([this.#env.meta.put('format', stateFormat)]);
    await this.#prepare();
    await this.#sealAnew();
    const copy = slabCopies();
    const log = this.#env.log.getRange({}).map(({ key, value }) => this.records.decode(key, value, copy));
    const loaded = replay(log, this.#env.meta.get('compacted') ?? 0);
    // Nothing is read any more, and the whole file has been: opened anew it is not kept in memory beside the replica.
    await this.#env.root.close();
    this.#env = opened(this.#folder);
    return loaded;
  }

  /** Asks what has to be asked before the records can be read. */
  async #prepare(): Promise<void> {
    if (!this.records.prepare) return;
    const asking = new Set<Promise<void>>();
    for (const { value } of this.#env.log.getRange({})) {
      const answer = this.records.prepare(value);
      if (answer) asking.add(answer);
    }
    await Promise.all(asking);
  }

  /**
   * Writes what is not sealed as it should be once more, and leaves nothing of how it was: LMDB keeps old pages for later
   * use, so the file is replaced by a copy that has none.
   */
  async #sealAnew(): Promise<void> {
    if (!this.records.seals) return;
    const due: Promise<unknown>[] = [];
    for (const { key, value } of this.#env.log.getRange({})) {
      const { version, ...change } = this.records.decode(key, value);
      if (version.seal === this.records.sealNow?.(version.resource)) continue;
      due.push(this.#env.log.put(key, this.records.encode({ ...change, version })));
      if (due.length % batchSize === 0) await flushed(due);
    }
    if (due.length === 0) return;
    await flushed(due);
    const copy = join(this.#folder, 'sealed-anew');
    await rm(copy, { recursive: true, force: true });
    await mkdir(copy, { mode: 0o700 });
    await this.#env.root.backup(copy, true);
    await this.#env.root.close();
    await synced(join(copy, stateFile));
    await rename(join(copy, stateFile), join(this.#folder, stateFile));
    await synced(this.#folder);
    await rm(copy, { recursive: true, force: true });
    this.#env = opened(this.#folder);
  }

  async append(changes: readonly Change[], trim: Trim): Promise<void> {
    const puts: Promise<boolean>[] = [];
    const writes: Promise<unknown>[] = [];
    const batch = this.#env.root.batch(() => {
      for (const change of changes) {
        puts.push(this.#env.log.put(change.version.revision, this.records.encode(change), atEnd));
      }
      for (const revision of trim.drop) writes.push(this.#env.log.remove(revision));
      if (trim.drop.length > 0) writes.push(this.#env.meta.put('compacted', trim.compacted));
    });
    await flushed([batch, ...puts, ...writes]);
    if ((await Promise.all(puts)).includes(false)) throw new Error('a revision came after a newer one');
  }

  async close(): Promise<void> {
    await this.#env.root.close();
  }
}

type Log = Database<Buffer, number> & {
  /** lmdb takes options here, and its types do not say so. */
  put(revision: number, record: Buffer, options?: PutOptions): Promise<boolean>;
};

interface Environment {
  root: RootDatabase<Buffer, number>;
  /** Revision to record. */
  log: Log;
  meta: Database<number, string>;
}

/** Records are read where LMDB has them: what it gives is good until it gives the next. */
const logOptions = {
  name: 'log',
  encoder: {
    encode: (record: Buffer): Buffer => record,
    decode: (bytes: Uint8Array, size: number): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, size),
  },
};

function opened(folder: string): Environment {
  const root = open<Buffer, number>({ path: folder, overlappingSync: false, encoding: 'binary', maxDbs: 4 });
  return {
    root,
    log: root.openDB<Buffer, number>(logOptions) as Log,
    meta: root.openDB<number, string>({ name: 'meta', encoding: 'ordered-binary' }),
  };
}

/** A file's content, or a folder's entries, on the disk. */
async function synced(path: string): Promise<void> {
  const handle = await openFile(path, 'r');
  await handle.sync().finally(() => handle.close());
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
