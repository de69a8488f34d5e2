import { nextTurn } from '../base/clock.ts';
import type { Change, Loaded } from './journal.ts';
import { replay } from './replay.ts';
import type { Decision, Proposal, SharedJournal, SharedJournalSink } from './shared-journal.ts';
import { atRevision, goneAt } from './version.ts';

/** What servers of one process share: the log, and who follows it. For tests and simulation. */
export class SharedLog {
  readonly changes: Change[] = [];
  readonly sinks = new Set<SharedJournalSink>();
  readonly current = new Map<string, number>();
  revision = 0;

  commit(proposals: readonly Proposal[]): Decision {
    const isStale = ({ resource, key, base }: Proposal) => this.current.get(`${resource} ${key}`) !== base;
    if (proposals.some(isStale)) return { committed: false, revision: this.revision };
    const revision = ++this.revision;
    const made = proposals.map((proposal) => changeAt(proposal, revision));
    for (const { version, deleted } of made) {
      const id = `${version.resource} ${version.key}`;
      if (deleted) this.current.delete(id);
      else this.current.set(id, revision);
    }
    this.changes.push(...made);
    for (const sink of this.sinks) sink.changes(made, revision);
    return { committed: true, revision };
  }
}

function changeAt({ resource, key, base, change }: Proposal, revision: number): Change {
  if (change) return { version: atRevision(change.version, revision), deleted: false, previous: base };
  return { version: goneAt({ resource, key, revision }), deleted: true, previous: base };
}

/** One server's way to a `SharedLog`; answers come in later turns, as from a network. */
export class MemorySharedJournal implements SharedJournal {
  readonly #log: SharedLog;
  #sink: SharedJournalSink | undefined;

  constructor(log: SharedLog) {
    this.#log = log;
  }

  async load(): Promise<Loaded> {
    const { revision } = this.#log;
    return replay(this.#log.changes, revision);
  }

  follow(revision: number, sink: SharedJournalSink): void {
    this.#sink = sink;
    this.#log.sinks.add(sink);
    const missed = this.#log.changes.filter(({ version }) => version.revision > revision);
    if (missed.length > 0) sink.changes(missed, this.#log.revision);
  }

  async propose(proposals: readonly Proposal[]): Promise<Decision> {
    await nextTurn();
    return this.#log.commit(proposals);
  }

  async newest(): Promise<number> {
    await nextTurn();
    return this.#log.revision;
  }

  async close(): Promise<void> {
    if (this.#sink) this.#log.sinks.delete(this.#sink);
  }
}
