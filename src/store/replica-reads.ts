import { internalError } from '../api/meta/status-error.ts';
import type { RecordCodec } from './record.ts';
import type { ListQuery, Page, Replica } from './replica.ts';
import type { Write } from './store.ts';
import type { Version } from './version.ts';
import { type StoreWatchQuery, type StoreWatchSink, Watchers } from './watchers.ts';

/** The reading half of a store, all of it from its replica, whoever feeds that; and what it knows of how the journal writes. */
export abstract class ReplicaReads {
  protected readonly replica: Replica;
  protected readonly watchers = new Watchers();
  readonly #records: Pick<RecordCodec, 'sealNow' | 'refusal'>;

  protected constructor(replica: Replica, { records = {} }: { records?: Pick<RecordCodec, 'sealNow' | 'refusal'> }) {
    this.replica = replica;
    this.#records = records;
  }

  get revision(): number {
    return this.replica.revision;
  }

  get compacted(): number {
    return this.replica.compacted;
  }

  get(resource: string, key: string): Version | undefined {
    return this.replica.get(resource, key);
  }

  list(resource: string, query: ListQuery = {}): Page {
    return this.replica.list(resource, query);
  }

  all(resource: string): Iterable<Version> {
    return this.replica.all(resource);
  }

  count(resource: string): number {
    return this.replica.count(resource);
  }

  resources(): IterableIterator<string> {
    return this.replica.resources();
  }

  isStale({ resource, seal }: Version): boolean {
    return seal !== this.#records.sealNow?.(resource);
  }

  /** What goes into a new version of a resource when it is sealed. */
  protected sealOf(resource: string): Pick<Version, 'seal'> {
    const seal = this.#records.sealNow?.(resource);
    return seal === undefined ? {} : { seal };
  }

  /** Why these cannot be written now; undefined: they can. What only goes needs no key. */
  protected refusal(writes: readonly Write[]): Error | undefined {
    for (const write of writes) {
      const why = 'put' in write ? this.#records.refusal?.(write.put.resource) : undefined;
      if (why !== undefined) return internalError(new Error(why));
    }
    return undefined;
  }

  watch(query: StoreWatchQuery, revision: number, sink: StoreWatchSink): () => void {
    return this.watchers.follow(this.replica, { query, revision, sink });
  }

  tellWatchers(): void {
    this.watchers.tellAll();
  }
}
