import { OrderedMap } from '../base/ordered-map.ts';
import { EventRing } from './event-ring.ts';
import type { Loaded } from './journal.ts';
import type { StoreEvent, Version } from './version.ts';

/** What a reader can see of the state at one revision. */
export interface Page {
  revision: number;
  versions: Version[];
  /** How many more match, when `limit` cut the list. */
  remaining: number;
}

export interface ListQuery {
  /** Only this namespace. */
  namespace?: string;
  matches?: (version: Version) => boolean;
  limit?: number;
  /** Continue after this key. */
  after?: string;
  /** The state at this revision instead of now. */
  revision?: number;
}

/** Asked for a revision that the window of recent events no longer reaches. */
export class CompactedError extends Error {}

/**
 * The committed state, in memory: current versions per resource in key order, and a window of recent events. Older
 * states inside the window are had by undoing events, so nothing is kept twice.
 */
export class Replica {
  readonly #resources = new Map<string, OrderedMap<Version>>();
  readonly #ring: EventRing;
  #revision: number;

  constructor(loaded: Loaded, options: { windowBytes: number }) {
    this.#revision = loaded.revision;
    for (const version of loaded.current) this.#of(version.resource).set(version.key, version);
    this.#ring = new EventRing({ maxBytes: options.windowBytes, compacted: loaded.compacted });
    for (const event of loaded.events) this.#ring.push(event);
  }

  /** The newest committed revision. */
  get revision(): number {
    return this.#revision;
  }

  get compacted(): number {
    return this.#ring.compacted;
  }

  get(resource: string, key: string): Version | undefined {
    return this.#resources.get(resource)?.get(key);
  }

  count(resource: string): number {
    return this.#resources.get(resource)?.size ?? 0;
  }

  resources(): IterableIterator<string> {
    return this.#resources.keys();
  }

  /** Every current version of a resource, in no particular order. */
  all(resource: string): Iterable<Version> {
    return this.#resources.get(resource)?.values() ?? [];
  }

  /** Versions in key order. Throws `CompactedError` when `query.revision` is too old. */
  list(resource: string, query: ListQuery): Page {
    const revision = query.revision ?? this.#revision;
    // Admission asks on every write for what most clusters have none of.
    if (revision >= this.#revision && this.count(resource) === 0) return { revision, versions: [], remaining: 0 };
    const versions: Version[] = [];
    let remaining = 0;
    for (const version of this.#range(resource, query, revision)) {
      if (query.matches && !query.matches(version)) continue;
      if (query.limit && versions.length >= query.limit) remaining++;
      else versions.push(version);
    }
    return { revision, versions, remaining };
  }

  /** Events after `revision`, oldest first. Throws `CompactedError` when some of them are gone. */
  eventsAfter(resource: string, revision: number): StoreEvent[] {
    const events = this.#ring.after(resource, revision);
    if (!events) throw new CompactedError(`revision ${revision} is older than the window (${this.#ring.compacted})`);
    return events;
  }

  /** Takes a committed change in; answers with the event that watchers get. */
  apply(version: Version, deleted: boolean): StoreEvent {
    const objects = this.#of(version.resource);
    const previous = objects.get(version.key);
    if (deleted) objects.delete(version.key);
    else objects.set(version.key, version);
    this.#revision = version.revision;
    const event: StoreEvent = { type: deleted ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED', version, previous };
    this.#ring.push(event);
    return event;
  }

  /** Nothing more happened up to this revision. */
  advance(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  /** Shrinks the window to its bound; the revisions it returns can be dropped from the journal. */
  trim(): number[] {
    return this.#ring.trim();
  }

  *#range(resource: string, query: ListQuery, revision: number): Generator<Version> {
    const start = query.after !== undefined ? `${query.after}\0` : query.namespace ? `${query.namespace}/` : '';
    // '0' is the character after '/': the end of a namespace's keys.
    const end = query.namespace ? `${query.namespace}0` : undefined;
    const objects = this.#of(resource);
    if (revision >= this.#revision) {
      for (const key of objects.keys(start, end)) yield objects.get(key) as Version;
      return;
    }
    const older = this.#undone(resource, revision);
    const keys = new Set(objects.keys(start, end));
    for (const [key, version] of older) {
      if (version && key >= start && (end === undefined || key < end)) keys.add(key);
    }
    for (const key of older.size > 0 ? [...keys].sort((a, b) => (a < b ? -1 : 1)) : keys) {
      const version = older.has(key) ? older.get(key) : objects.get(key);
      if (version) yield version;
    }
  }

  /** What each object changed since `revision` was at that revision (undefined: not there). */
  #undone(resource: string, revision: number): Map<string, Version | undefined> {
    const older = new Map<string, Version | undefined>();
    for (const event of this.eventsAfter(resource, revision)) {
      if (!older.has(event.version.key)) older.set(event.version.key, event.previous);
    }
    return older;
  }

  #of(resource: string): OrderedMap<Version> {
    let objects = this.#resources.get(resource);
    if (!objects) {
      objects = new OrderedMap();
      this.#resources.set(resource, objects);
    }
    return objects;
  }
}
