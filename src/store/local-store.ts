import type { Change, Journal } from './journal.ts';
import { Replica } from './replica.ts';
import { ReplicaReads } from './replica-reads.ts';
import { defaultWindowBytes, type Put, type Store, type StoreOptions, type Write } from './store.ts';
import { atRevision, type Version } from './version.ts';

/**
 * The store of a server that is alone: a replica over a journal that only this process writes. Writers see `head`, the newest state including what is not on disk yet, so that a
 * read-modify-write within one turn needs no lock; readers and watchers see only what is durable. Writes that arrive while
 * a flush runs are committed together by the next one.
 */
export class LocalStore extends ReplicaReads implements Store {
  readonly #journal: Journal;
  readonly #options: StoreOptions;
  /** Newest changes that are not on disk yet, by resource and key. */
  readonly #head = new Map<string, Map<string, Change>>();
  #headRevision: number;
  #queue: { changes: Change[]; done: () => void }[] = [];
  #flushing = false;
  #failed = false;
  #drained: (() => void)[] = [];
  #dropped: number[] = [];

  static async open(journal: Journal, options: StoreOptions): Promise<LocalStore> {
    const replica = new Replica(await journal.load(), { windowBytes: options.windowBytes ?? defaultWindowBytes });
    return new LocalStore(journal, replica, options);
  }

  private constructor(journal: Journal, replica: Replica, options: StoreOptions) {
    super(replica, journal);
    this.#journal = journal;
    this.#options = options;
    this.#headRevision = replica.revision;
  }

  /** Durable or not. */
  head(resource: string, key: string): Version | undefined {
    const change = this.#head.get(resource)?.get(key);
    if (change) return change.deleted ? undefined : change.version;
    return this.replica.get(resource, key);
  }

  /** Nobody else writes: what this process has published is the newest there is. */
  fresh(): undefined {
    return undefined;
  }

  /** The writes take effect for `head` at once, in order. */
  commit(writes: readonly Write[]): Promise<Version[]> {
    if (this.#failed) return new Promise(() => {});
    const refusal = this.refusal(writes);
    if (refusal) return Promise.reject(refusal);
    const changes = writes.map((write) => ('put' in write ? this.#put(write.put) : this.#remove(write.remove)));
    const versions = changes.map((change) => change.version);
    return new Promise((resolve) => {
      this.#queue.push({ changes, done: () => resolve(versions) });
      if (!this.#flushing) void this.#flush();
    });
  }

  async close(): Promise<void> {
    if (this.#flushing) await new Promise<void>((resolve) => this.#drained.push(resolve));
    await this.#journal.close();
  }

  #put(put: Put): Change {
    const previous = this.head(put.resource, put.key);
    const revision = ++this.#headRevision;
    const { resource, key } = put;
    const version: Version = { resource, key, revision, ...put.encode(revision), ...this.sealOf(resource) };
    return this.#propose({ version, deleted: false, previous: previous?.revision });
  }

  #remove(remove: { resource: string; key: string }): Change {
    const previous = this.head(remove.resource, remove.key);
    if (!previous) throw new Error(`${remove.resource} ${remove.key} is not there to remove`);
    const version = atRevision(previous, ++this.#headRevision);
    return this.#propose({ version, deleted: true, previous: previous.revision });
  }

  #propose(change: Change): Change {
    const { resource, key } = change.version;
    const heads = this.#head.get(resource);
    if (heads) heads.set(key, change);
    else this.#head.set(resource, new Map([[key, change]]));
    return change;
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    try {
      // Everything that the current turn still writes joins the first group.
      await Promise.resolve();
      while (this.#queue.length > 0) {
        const group = this.#queue;
        this.#queue = [];
        const changes = group.flatMap((entry) => entry.changes);
        await this.#journal.append(changes, { compacted: this.replica.compacted, drop: this.#dropped });
        this.#publish(changes);
        for (const entry of group) entry.done();
      }
    } catch (error) {
      this.#failed = true;
      this.#options.onFatal(error);
      return;
    }
    this.#flushing = false;
    for (const drained of this.#drained.splice(0)) drained();
  }

  #publish(changes: Change[]): void {
    const events = changes.map((change) => this.replica.apply(change.version, change.deleted));
    for (const change of changes) {
      const { resource, key } = change.version;
      const heads = this.#head.get(resource);
      if (heads?.get(key) === change) heads.delete(key);
    }
    this.#dropped = this.replica.trim();
    this.watchers.publish(events);
  }
}
