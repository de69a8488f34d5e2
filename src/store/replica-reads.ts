import type { ListQuery, Page, Replica } from './replica.ts';
import type { Version } from './version.ts';
import { type StoreWatchQuery, type StoreWatchSink, Watchers } from './watchers.ts';

/** The reading half of a store: all of it from its replica, whoever feeds that. */
export abstract class ReplicaReads {
  protected readonly replica: Replica;
  protected readonly watchers = new Watchers();

  protected constructor(replica: Replica) {
    this.replica = replica;
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

  watch(query: StoreWatchQuery, revision: number, sink: StoreWatchSink): () => void {
    return this.watchers.follow(this.replica, { query, revision, sink });
  }
}
