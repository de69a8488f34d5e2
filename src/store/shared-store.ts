import type { Change } from './journal.ts';
import { Replica } from './replica.ts';
import { ReplicaReads } from './replica-reads.ts';
import type { Proposal, SharedJournal } from './shared-journal.ts';
import { defaultWindowBytes, StaleError, type Store, type StoreOptions, type Write } from './store.ts';
import { atRevision, type Version } from './version.ts';

/**
 * The store of one of several servers. Its replica is fed by the journal alone, own writes included: a commit is proposed,
 * and acknowledged when it has come back. Reads that must not be old ask the journal how far it is and wait (`fresh`); who
 * asks while such a question is under way shares the next one.
 */
export class SharedStore extends ReplicaReads implements Store {
  readonly #journal: SharedJournal;
  readonly #waiting = new Set<{ revision: number; resolve: () => void }>();
  #asking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #open = 0;
  #drained: (() => void)[] = [];

  /** Resolves when the replica has everything that was committed before the call. */
  static async open(journal: SharedJournal, options: StoreOptions): Promise<SharedStore> {
    const replica = new Replica(await journal.load(), { windowBytes: options.windowBytes ?? defaultWindowBytes });
    const store = new SharedStore(journal, replica);
    journal.follow(replica.revision, {
      changes: (changes, revision) => store.#take(changes, revision),
      lost: options.onFatal,
    });
    await store.fresh();
    return store;
  }

  private constructor(journal: SharedJournal, replica: Replica) {
    super(replica, journal);
    this.#journal = journal;
  }

  /** Nothing is taken for written before the journal says so. */
  head(resource: string, key: string): Version | undefined {
    return this.replica.get(resource, key);
  }

  fresh(): Promise<void> {
    // A question that is under way may have been answered before this call: its answer is too old.
    if (!this.#asking) return this.#ask();
    this.#next ??= this.#asking.then(
      () => this.#ask(),
      () => this.#ask(),
    );
    return this.#next;
  }

  async commit(writes: readonly Write[]): Promise<Version[]> {
    const refusal = this.refusal(writes);
    if (refusal) throw refusal;
    const proposals = writes.map((write) => this.#proposal(write));
    this.#open++;
    try {
      const { committed, revision } = await this.#journal.propose(proposals);
      await this.#reached(revision);
      if (!committed)
        throw new StaleError(`${proposals[0]?.resource} ${proposals[0]?.key} was changed by another server`);
      return proposals.map(({ resource, key, change, ...proposal }) => {
        const now = this.replica.get(resource, key);
        if (now?.revision === revision) return now;
        return atRevision(change?.version ?? proposal.previous, revision);
      });
    } finally {
      this.#open--;
      if (this.#open === 0) for (const drained of this.#drained.splice(0)) drained();
    }
  }

  async close(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
    await this.#journal.close();
  }

  #proposal(write: Write): Proposal & { previous: Version } {
    const { resource, key } = 'put' in write ? write.put : write.remove;
    const previous = this.replica.get(resource, key);
    const base = previous?.revision;
    if ('put' in write) {
      const version: Version = { resource, key, revision: 0, ...write.put.encode(0) };
      const change: Change = { version, deleted: false, previous: base };
      return { resource, key, base, change, previous: version };
    }
    if (!previous) throw new Error(`${resource} ${key} is not there to remove`);
    return { resource, key, base, change: undefined, previous };
  }

  #ask(): Promise<void> {
    this.#next = undefined;
    const asking = this.#journal.newest().then((revision) => this.#reached(revision));
    this.#asking = asking;
    const done = () => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    asking.then(done, done);
    return asking;
  }

  #reached(revision: number): Promise<void> {
    if (this.replica.revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ revision, resolve }));
  }

  #take(changes: readonly Change[], revision: number): void {
    const events = changes.flatMap(({ version, deleted }) => {
      if (!deleted) return [this.replica.apply(version, false)];
      const previous = this.replica.get(version.resource, version.key);
      return previous ? [this.replica.apply(atRevision(previous, version.revision), true)] : [];
    });
    this.replica.advance(revision);
    this.replica.trim();
    this.watchers.publish(events);
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.replica.revision) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
