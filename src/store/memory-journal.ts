import type { Change, Journal, Loaded, Trim } from './journal.ts';
import { replay } from './replay.ts';
import type { Version } from './version.ts';

/** Journal `none`: keeps what it is given for as long as the process lives. For tests and simulation. */
export class MemoryJournal implements Journal {
  readonly #log = new Map<number, Change>();
  #compacted = 0;

  /** `from`: a state to begin with, as of `revision`; what led to it is forgotten. */
  constructor(from?: { versions: Iterable<Version>; revision: number }) {
    if (!from) return;
    for (const version of from.versions)
      this.#log.set(version.revision, { version, deleted: false, previous: undefined });
    this.#compacted = from.revision;
  }

  async load(): Promise<Loaded> {
    return replay([...this.#log.values()], this.#compacted);
  }

  async append(changes: readonly Change[], trim: Trim): Promise<void> {
    for (const change of changes) {
      this.#log.set(change.version.revision, change);
    }
    for (const revision of trim.drop) this.#log.delete(revision);
    this.#compacted = trim.compacted;
  }

  async close(): Promise<void> {}
}
