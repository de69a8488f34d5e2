import { nextTurn } from '../base/clock.ts';
import type { Replica } from './replica.ts';
import { atRevision, nameOf, namespaceOf, type StoreEvent, type Version } from './version.ts';

export interface StoreWatchQuery {
  resource: string;
  namespace?: string;
  /** Label and field selectors; absent: everything matches. */
  matches?: (version: Version) => boolean;
  /** An equality that the selectors imply (`metadata.name`, `spec.nodeName`, …), to find the watcher by. */
  index?: { field: string; value: string };
}

/** Gets the events of one commit, in order. Must not throw. */
export type StoreWatchSink = (events: readonly StoreEvent[]) => void;

interface Watcher {
  query: StoreWatchQuery;
  sink: StoreWatchSink;
  pending: StoreEvent[];
}

const indexValue = (version: Version, field: string): string =>
  field === 'metadata.name' ? nameOf(version.key) : (version.fields?.[field] ?? '');

/** The watchers of one resource, found by namespace or by an indexed field, so that an event meets only its own. */
class ResourceWatchers {
  readonly everything = new Set<Watcher>();
  readonly byNamespace = new Map<string, Set<Watcher>>();
  readonly byField = new Map<string, Map<string, Set<Watcher>>>();

  add(watcher: Watcher): void {
    const { map, key } = this.#place(watcher);
    if (!map) return void this.everything.add(watcher);
    const set = map.get(key) ?? new Set();
    map.set(key, set.add(watcher));
  }

  /** Does nothing to others when the watcher is not here any more. */
  remove(watcher: Watcher): void {
    const { map, key } = this.#place(watcher);
    const set = map ? map.get(key) : this.everything;
    set?.delete(watcher);
    if (set?.size === 0) map?.delete(key);
  }

  /** The sets of those that an event may concern; no watcher is in two of them. */
  candidates(event: StoreEvent): Set<Watcher>[] {
    const sets = [this.everything];
    const add = (set: Set<Watcher> | undefined) => set && sets.push(set);
    add(this.byNamespace.get(namespaceOf(event.version.key)));
    for (const [field, values] of this.byField) {
      const now = indexValue(event.version, field);
      const before = event.previous ? indexValue(event.previous, field) : now;
      add(values.get(now));
      if (before !== now) add(values.get(before));
    }
    return sets;
  }

  #place({ query: { index, namespace } }: Watcher): { map: Map<string, Set<Watcher>> | undefined; key: string } {
    if (!index) return { map: namespace ? this.byNamespace : undefined, key: namespace ?? '' };
    const values = this.byField.get(index.field) ?? new Map();
    this.byField.set(index.field, values);
    return { map: values, key: index.value };
  }
}

/** What a watcher with selectors sees of an event: objects enter and leave its selection. Undefined: nothing. */
export function selected(
  event: StoreEvent,
  query: Pick<StoreWatchQuery, 'namespace' | 'matches'>,
): StoreEvent | undefined {
  const { version, previous } = event;
  if (query.namespace && namespaceOf(version.key) !== query.namespace) return undefined;
  if (!query.matches) return event;
  const before = previous !== undefined && query.matches(previous);
  if (event.type === 'DELETED') return before || (!previous && query.matches(version)) ? event : undefined;
  const now = query.matches(version);
  if (now) return before === (event.type === 'MODIFIED') ? event : { ...event, type: before ? 'MODIFIED' : 'ADDED' };
  // It left the selection: the last version that was in it, at this event's revision.
  return before ? { type: 'DELETED', version: atRevision(previous, version.revision), previous } : undefined;
}

/** Nobody writes into it. */
const none: StoreEvent[] = [];

/** All watchers; `publish` hands each the events of a commit that it asked for, in one call and in order. */
export class Watchers {
  readonly #resources = new Map<string, ResourceWatchers>();
  /** Who has something pending, in the order in which they are told; the first `#told` have been. */
  #due: Watcher[] = [];
  #told = 0;

  add(query: StoreWatchQuery, sink: StoreWatchSink): () => void {
    const watchers = this.#resources.get(query.resource) ?? new ResourceWatchers();
    this.#resources.set(query.resource, watchers);
    const watcher: Watcher = { query, sink, pending: none };
    watchers.add(watcher);
    return () => {
      watchers.remove(watcher);
      watcher.pending = none;
      watcher.sink = () => {};
    };
  }

  /** As `add`, with what happened after `revision` first. Throws `CompactedError` when that is no longer known. */
  follow(
    replica: Replica,
    { query, revision, sink }: { query: StoreWatchQuery; revision: number; sink: StoreWatchSink },
  ): () => void {
    const missed = replica.eventsAfter(query.resource, revision).flatMap((event) => selected(event, query) ?? []);
    const stop = this.add(query, sink);
    if (missed.length > 0) sink(missed);
    return stop;
  }

  /**
   * The first watchers are told at once, the others a turn later: telling thousands takes long, and what is written to the
   * first of them is on its way meanwhile. What is published before a watcher has had its turn comes to it together.
   */
  publish(events: StoreEvent[]): void {
    const isLate = this.#due.length > 0;
    for (const event of events) {
      const alone = [event];
      for (const watchers of this.#resources.get(event.version.resource)?.candidates(event) ?? []) {
        for (const watcher of watchers) this.#note(watcher, event, alone);
      }
    }
    if (!isLate) this.#tellSome();
  }

  /** Tells everybody everything, now: before somebody is told how far the store has come. */
  tellAll(): void {
    this.#tell(this.#due.length);
  }

  #note(watcher: Watcher, event: StoreEvent, alone: StoreEvent[]): void {
    const seen = selected(event, watcher.query);
    if (!seen) return;
    const { pending } = watcher;
    if (pending.length > 1) pending.push(seen);
    else if (pending.length === 1) watcher.pending = [pending[0] as StoreEvent, seen];
    else {
      // Thousands may see one event as it is: they share the list of it, too, as long as it is alone.
      watcher.pending = seen === event ? alone : [seen];
      this.#due.push(watcher);
    }
  }

  #tellSome(): void {
    this.#tell(watchersPerTurn);
    if (this.#due.length > 0) void nextTurn().then(() => this.#tellSome());
  }

  #tell(count: number): void {
    for (let left = count; left > 0 && this.#told < this.#due.length; left--) {
      const watcher = this.#due[this.#told++] as Watcher;
      const batch = watcher.pending;
      watcher.pending = none;
      if (batch.length > 0) watcher.sink(batch);
    }
    if (this.#told < this.#due.length) return;
    this.#due = [];
    this.#told = 0;
  }
}

/** A few milliseconds. */
const watchersPerTurn = 1000;
