import type { Event, EventsEvent } from '../api/generated/types.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { StaleError, type Store } from '../store/store.ts';
import type { Version } from '../store/version.ts';
import type { ObjectCodec } from './object-codec.ts';

/** Upstream's `--event-ttl`. */
const lifeMs = 3_600_000;
/** Events that are due together go in commits of this many. */
const batchSize = 200;
/** Events go in rounds, not one by one: nobody minds a minute more. */
const roundMs = 60_000;

const resources = ['events', 'events.events.k8s.io'];

interface Entry {
  resource: string;
  key: string;
  revision: number;
  dueMs: number;
}

interface Deps {
  store: Store;
  objects: ObjectCodec;
  clock: Clock;
  log: Logger;
}

/**
 * Takes events away an hour after they were last written. Every server does it for all of them: who is second finds them
 * gone. Entries are in the order in which they are due, since all live equally long.
 */
export class EventExpiry {
  readonly #deps: Deps;
  readonly #stops: (() => void)[] = [];
  #queue: Entry[] = [];
  #cancel: (() => void) | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(): void {
    const { store, objects, clock } = this.#deps;
    const present = resources.flatMap((resource) => [...store.all(resource)]);
    const known = present.map((version) => entryOf(version, writtenMs(objects.read(version)) ?? clock.now()));
    this.#queue = known.sort((a, b) => a.dueMs - b.dueMs);
    for (const resource of resources) {
      const stop = store.watch({ resource }, store.revision, (events) => {
        for (const { type, version } of events) if (type !== 'DELETED') this.#queue.push(entryOf(version, clock.now()));
        this.#arm();
      });
      this.#stops.push(stop);
    }
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    for (const stop of this.#stops) stop();
  }

  #arm(): void {
    const [first] = this.#queue;
    if (this.#cancel || !first) return;
    const waitMs = Math.max(first.dueMs - this.#deps.clock.now(), 0) + roundMs;
    this.#cancel = this.#deps.clock.after(waitMs, () => void this.#round(), { background: true });
  }

  async #round(): Promise<void> {
    const { store, clock, log } = this.#deps;
    const now = clock.now();
    const end = this.#queue.findIndex((entry) => entry.dueMs > now);
    const due = this.#queue.splice(0, end < 0 ? this.#queue.length : end);
    // What was written again since has an entry further back.
    const isCurrent = ({ resource, key, revision }: Entry) => store.head(resource, key)?.revision === revision;
    try {
      for (let i = 0; i < due.length; i += batchSize) {
        const removals = due.slice(i, i + batchSize).filter(isCurrent);
        if (removals.length > 0)
          await store.commit(removals.map(({ resource, key }) => ({ remove: { resource, key } })));
      }
    } catch (error) {
      if (!(error instanceof StaleError)) log.warn({ error: String(error) }, 'events could not be expired');
      // Those that are still there come up again in the next round.
      this.#queue.unshift(...due);
    }
    this.#cancel = undefined;
    this.#arm();
  }
}

const entryOf = ({ resource, key, revision }: Version, writtenAtMs: number): Entry => ({
  resource,
  key,
  revision,
  dueMs: writtenAtMs + lifeMs,
});

/** When the event was last written, as far as it says. */
function writtenMs(object: KubeObject): number | undefined {
  const { lastTimestamp, eventTime, series } = object as Event;
  const { deprecatedLastTimestamp } = object as EventsEvent;
  const said = [lastTimestamp, deprecatedLastTimestamp, series?.lastObservedTime, eventTime];
  const times = [...said, object.metadata.creationTimestamp].flatMap((text) => (text ? [Date.parse(text)] : []));
  return times.length > 0 ? Math.max(...times) : undefined;
}
