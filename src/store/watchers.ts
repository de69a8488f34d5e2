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
export type StoreWatchSink = (events: StoreEvent[]) => void;

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
    this.#place(watcher, true).add(watcher);
  }

  remove(watcher: Watcher): void {
    this.#place(watcher, false).delete(watcher);
  }

  *candidates(event: StoreEvent): Generator<Watcher> {
    yield* this.everything;
    const namespaced = this.byNamespace.get(namespaceOf(event.version.key));
    if (namespaced) yield* namespaced;
    for (const [field, values] of this.byField) {
      const now = indexValue(event.version, field);
      const before = event.previous ? indexValue(event.previous, field) : now;
      yield* values.get(now) ?? [];
      if (before !== now) yield* values.get(before) ?? [];
    }
  }

  #place(watcher: Watcher, create: boolean): Set<Watcher> {
    const { index, namespace } = watcher.query;
    if (index) return setIn(mapIn(this.byField, index.field), index.value, create);
    return namespace ? setIn(this.byNamespace, namespace, create) : this.everything;
  }
}

function setIn(map: Map<string, Set<Watcher>>, key: string, create: boolean): Set<Watcher> {
  const found = map.get(key) ?? new Set();
  if (create) map.set(key, found);
  else if (found.size <= 1) map.delete(key);
  return found;
}

function mapIn(map: Map<string, Map<string, Set<Watcher>>>, key: string): Map<string, Set<Watcher>> {
  const found = map.get(key) ?? new Map();
  map.set(key, found);
  return found;
}

/** What a watcher with selectors sees of an event: objects enter and leave its selection. Undefined: nothing. */
export function selected(event: StoreEvent, query: StoreWatchQuery): StoreEvent | undefined {
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

/** All watchers; `publish` hands each the events of a commit that it asked for, in one call. */
export class Watchers {
  readonly #resources = new Map<string, ResourceWatchers>();

  add(query: StoreWatchQuery, sink: StoreWatchSink): () => void {
    const watchers = this.#resources.get(query.resource) ?? new ResourceWatchers();
    this.#resources.set(query.resource, watchers);
    const watcher: Watcher = { query, sink, pending: [] };
    watchers.add(watcher);
    return () => {
      watchers.remove(watcher);
      watcher.pending = [];
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

  publish(events: StoreEvent[]): void {
    const touched = new Set<Watcher>();
    for (const event of events) {
      for (const watcher of this.#resources.get(event.version.resource)?.candidates(event) ?? []) {
        const seen = selected(event, watcher.query);
        if (!seen) continue;
        watcher.pending.push(seen);
        touched.add(watcher);
      }
    }
    for (const watcher of touched) {
      const batch = watcher.pending;
      watcher.pending = [];
      if (batch.length > 0) watcher.sink(batch);
    }
  }
}
