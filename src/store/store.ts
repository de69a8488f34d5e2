import type { ListQuery, Page } from './replica.ts';
import type { Version } from './version.ts';
import type { StoreWatchQuery, StoreWatchSink } from './watchers.ts';

/** One object to write. `encode` may be called more than once, each time with a revision. */
export interface Put {
  resource: string;
  key: string;
  encode(revision: number): Omit<Version, 'resource' | 'key' | 'revision'>;
}

export type Write = { put: Put } | { remove: { resource: string; key: string } };

export interface StoreOptions {
  /** How many bytes of recent events are kept for watches to resume from. */
  windowBytes?: number;
  /** The journal can no longer be trusted or followed: the process must end, nothing more may be acknowledged. */
  onFatal: (error: unknown) => void;
}

export const defaultWindowBytes = 64 * 2 ** 20;

/** Another server changed an object between the writer's look at `head` and its commit: look again. */
export class StaleError extends Error {
  override readonly name = 'StaleError';
}

/**
 * The state and the way to change it. `local-store.ts` is the one of a server that is alone, `shared-store.ts` the one of
 * servers that share a journal. All reads are from memory.
 */
export interface Store {
  /** The newest durable revision that this server has seen. */
  readonly revision: number;
  /** No watch can start before this revision. */
  readonly compacted: number;
  /** The durable version. */
  get(resource: string, key: string): Version | undefined;
  /** The newest version known: what a writer bases its change on. */
  head(resource: string, key: string): Version | undefined;
  list(resource: string, query?: ListQuery): Page;
  all(resource: string): Iterable<Version>;
  count(resource: string): number;
  resources(): IterableIterator<string>;
  /**
   * Watches from after `revision`: what was missed comes first, in the same turn. Throws `CompactedError` when the window
   * no longer reaches that far.
   */
  watch(query: StoreWatchQuery, revision: number, sink: StoreWatchSink): () => void;
  /** Hands all watchers what they have not been told yet, so that they have seen everything up to `revision`. */
  tellWatchers(): void;
  /**
   * Resolves when reads see everything that was acknowledged by any server before the call; undefined when they do
   * already. Rejects when that cannot be known now.
   */
  fresh(): Promise<void> | undefined;
  /** Whether it is kept in a form that is no longer written, as under a key of before: a write that changes nothing is worth it. */
  isStale(version: Version): boolean;
  /**
   * Commits writes together, all or none, each based on what `head` is at the call. Resolves with the new versions (for a
   * removal: the last one, at the revision of its deletion) when they are durable and reads see them. Rejects with
   * `StaleError` when another server was first, and with `StatusError` InternalError when something of it cannot be sealed for
   * now: then nothing has happened.
   */
  commit(writes: readonly Write[]): Promise<Version[]>;
  /** Waits for the running writes and closes the journal. No write may follow. */
  close(): Promise<void>;
}
