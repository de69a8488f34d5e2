import type { DeleteOptions, Status } from '../api/generated/types.ts';
import type { KubeObject, List, Manifest, ObjectKey, Resource } from '../api/resource.ts';

/** JSON patch (RFC 6902), JSON merge patch (RFC 7386), strategic merge patch, server-side apply. */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface WriteOptions {
  /** Who owns the fields that this write sets. */
  fieldManager?: string;
  dryRun?: boolean;
  /** `status`, `scale`, … */
  subresource?: string;
  /** Take fields from other managers (apply only). */
  force?: boolean;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  /** `Exact`: as it was at `resourceVersion`; `Expired` when that is too long ago. */
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Events after this version; from now on when absent. */
  resourceVersion?: string;
  /** The server ends the watch after this time. */
  timeoutSeconds?: number;
}

export interface WatchEvent<T = KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
  /** Its `namespace/name` (or `name`), where that is at hand: the caches of a process then share one text. */
  key?: string;
}

/** Both are called in order, never re-entrantly; `end` is the last call, with an error unless the watch ran out. */
export interface WatchSink<T = KubeObject> {
  events(batch: WatchEvent<T>[]): void;
  /** `StatusError` with reason Expired: list again. Anything else: watch again from the last version. */
  end(error?: unknown): void;
}

export interface WatchHandle {
  /** No call reaches the sink after it. */
  stop(): void;
}

/**
 * The one way to read and write objects, for every part of knarr and every program built on it. Two transports carry it:
 * in process (`apiserver/in-process.ts`) and HTTPS (`client/https.ts`); one contract suite runs over both. Objects that
 * come back are frozen or must be treated so: writers copy. All calls reject with `StatusError`.
 */
export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<T>;
  /** GET of a subresource with a kind of its own: `scale`. */
  getSubresource<B>(resource: Resource, key: ObjectKey, subresource: string): Promise<B>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<List<T>>;
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions, sink: WatchSink<T>): WatchHandle;
  create<T extends KubeObject>(resource: Resource<T>, object: Manifest<T>, options?: WriteOptions): Promise<T>;
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: { type: PatchType; body: unknown },
    options?: WriteOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<T | Status>;
  /** POST to a subresource: `binding`, `eviction`, `token`. Answers with the subresource's own kind. */
  createSubresource<B>(resource: Resource, key: ObjectKey, subresource: string, body: B): Promise<B>;
}
