import type { RecordCodec } from './record.ts';
import type { StoreEvent, Version } from './version.ts';

/** A change that is to be made durable. `previous` is the revision it replaces. */
export interface Change {
  readonly version: Version;
  readonly deleted: boolean;
  readonly previous: number | undefined;
}

export interface Trim {
  /** No watch can start before this revision any more. */
  compacted: number;
  /** Revisions that nothing needs any more. */
  drop: number[];
}

/** What was durable when the journal was opened. */
export interface Loaded {
  revision: number;
  compacted: number;
  current: Iterable<Version>;
  /** Events after `compacted`, oldest first. */
  events: Iterable<StoreEvent>;
}

/**
 * Makes the replica durable, and nothing else: no read touches it after `load`. Implementations: `memory-journal.ts`
 * (tests, simulation), `lmdb/` (one machine). `journal.contract.ts` is what every one must pass.
 */
export interface Journal {
  /** How it writes; not there: it keeps what it is given. */
  readonly records?: RecordCodec;
  load(): Promise<Loaded>;
  /** Resolves when every change is on disk, all or none. A rejection means that the process must end. */
  append(changes: readonly Change[], trim: Trim): Promise<void>;
  close(): Promise<void>;
}
