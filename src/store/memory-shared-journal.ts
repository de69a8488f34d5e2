import { type Clock, nextTurn, realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import type { Change, Loaded } from './journal.ts';
import { PreparedTurns } from './prepared-turns.ts';
import { plainRecords, type RecordCodec } from './record.ts';
import { replay } from './replay.ts';
import type { Decision, Proposal, SharedJournal, SharedJournalSink } from './shared-journal.ts';
import { atRevision, goneAt } from './version.ts';

/** What became of one key: its record, as the server wrote it that proposed it; none: it went. */
interface Entry {
  resource: string;
  key: string;
  base: number | undefined;
  record: Buffer | undefined;
}

interface Commit {
  revision: number;
  entries: readonly Entry[];
}

/** What servers of one process share: the log, and who follows it. For tests and simulation. */
export class SharedLog {
  readonly commits: Commit[] = [];
  readonly followers = new Set<(commit: Commit) => void>();
  readonly current = new Map<string, number>();
  revision = 0;

  commit(entries: readonly Entry[]): Decision {
    const isStale = ({ resource, key, base }: Entry) => this.current.get(`${resource} ${key}`) !== base;
    if (entries.some(isStale)) return { committed: false, revision: this.revision };
    const revision = ++this.revision;
    for (const { resource, key, record } of entries) {
      const id = `${resource} ${key}`;
      if (record) this.current.set(id, revision);
      else this.current.delete(id);
    }
    const commit = { revision, entries };
    this.commits.push(commit);
    for (const follower of this.followers) follower(commit);
    return { committed: true, revision };
  }
}

/** One server's way to a `SharedLog`; answers come in later turns, as from a network. */
export class MemorySharedJournal implements SharedJournal {
  readonly records: RecordCodec;
  readonly #log: SharedLog;
  readonly #turns: PreparedTurns;
  #follower: ((commit: Commit) => void) | undefined;

  /** `records`: how this server writes, and reads what all have written; as it is unless told. The clock says when a plugin is asked again. */
  constructor(
    log: SharedLog,
    { records = plainRecords, clock = realClock }: { records?: RecordCodec; clock?: Clock } = {},
  ) {
    this.records = records;
    this.#log = log;
    this.#turns = new PreparedTurns({ clock, log: silentLog });
  }

  async load(): Promise<Loaded> {
    const { revision, commits } = this.#log;
    const past = commits.slice();
    for (const commit of past) await this.#prepared(commit);
    return replay(
      past.flatMap((commit) => this.#changesOf(commit)),
      revision,
    );
  }

  follow(revision: number, sink: SharedJournalSink): void {
    const take = (commit: Commit) =>
      this.#turns.take(
        () => this.#prepared(commit),
        () => sink.changes(this.#changesOf(commit), commit.revision),
      );
    this.#follower = take;
    this.#log.followers.add(take);
    for (const commit of this.#log.commits) if (commit.revision > revision) take(commit);
  }

  async propose(proposals: readonly Proposal[]): Promise<Decision> {
    const entries = proposals.map(({ resource, key, base, change }): Entry => {
      return { resource, key, base, record: change && this.records.encode(change) };
    });
    await nextTurn();
    return this.#log.commit(entries);
  }

  async newest(): Promise<number> {
    await nextTurn();
    return this.#log.revision;
  }

  async close(): Promise<void> {
    this.#turns.close();
    if (this.#follower) this.#log.followers.delete(this.#follower);
  }

  /** Somebody has to be asked before these can be read; undefined: nobody has. */
  #prepared({ entries }: Commit): Promise<unknown> | undefined {
    const asking = entries.flatMap(({ record }) => (record && this.records.prepare?.(record)) ?? []);
    return asking.length > 0 ? Promise.all(asking) : undefined;
  }

  #changesOf({ entries, revision }: Commit): Change[] {
    return entries.map(({ resource, key, base, record }): Change => {
      if (!record) return { version: goneAt({ resource, key, revision }), deleted: true, previous: base };
      const { version } = this.records.decode(0, record);
      return { version: atRevision(version, revision), deleted: false, previous: base };
    });
  }
}
