import type { Change, Loaded } from './journal.ts';
import type { RecordCodec } from './record.ts';

/** One key of a commit: what the writer took to be there, and what is to be there instead. */
export interface Proposal {
  resource: string;
  key: string;
  /** The revision that is replaced; undefined: nothing may be there. */
  base: number | undefined;
  /** Undefined: it goes. */
  change: Change | undefined;
}

export interface Decision {
  /** False when one of the bases was not what was there: then nothing was written. */
  committed: boolean;
  /** Of the commit; else a revision that shows why not. */
  revision: number;
}

export interface SharedJournalSink {
  /**
   * What was committed, by whomever, in order and without gaps: all changes up to `revision`. A deletion has no bytes of its
   * own: its version is empty but for resource, key and revision.
   */
  changes(changes: readonly Change[], revision: number): void;
  /** What comes next is no longer to be had: the process must start again. */
  lost(error: unknown): void;
}

/**
 * A journal that several servers write: it decides who was first, gives the revisions, and tells everybody. Implementations:
 * `etcd/`, `memory-shared-journal.ts` (tests, simulation); `shared-journal.contract.ts` is what both pass.
 * Calls reject with `StatusError` ServiceUnavailable when the journal cannot be reached; a proposal may then have been
 * committed all the same.
 */
export interface SharedJournal {
  /** How it writes. */
  readonly records: RecordCodec;
  /** A state that is complete up to its `revision`, which may be some time ago. */
  load(): Promise<Loaded>;
  /** Tells of everything after `revision`, at once and from then on. */
  follow(revision: number, sink: SharedJournalSink): void;
  /** All proposals or none. */
  propose(proposals: readonly Proposal[]): Promise<Decision>;
  /** A revision not older than the newest at the time of the call. */
  newest(): Promise<number>;
  close(): Promise<void>;
}
