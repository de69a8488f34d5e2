import type { Event } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';

/** An event ready to be written. `isRepeated`: it stands in the cluster already and only counts on. */
export interface Correlated {
  key: string;
  event: Event;
  isRepeated: boolean;
}

/** The numbers of client-go's default correlator. */
const limits = {
  /** Objects, groups and events remembered; the longest unused goes first. */
  entries: 4096,
  burst: 25,
  msPerToken: 300_000,
  /** Different messages within the window before they are joined. */
  similar: 10,
  windowMs: 600_000,
};

interface Group {
  messages: Set<string>;
  lastMs: number;
}

/**
 * Decides what becomes of an event: dropped as spam (per source and object), joined with similar ones (same object, type
 * and reason, other message), or counted on an equal one.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #groups = new Map<string, Group>();
  readonly #known = new Map<string, { name: string; count: number; firstTimestamp?: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  correlate(event: Event): Correlated | undefined {
    const object = objectKey(event);
    if (!this.#takeToken(object)) return undefined;
    const group = `${object}\0${event.type}\0${event.reason}\0${event.reportingInstance}`;
    const joined = this.#isOneTooMany(group, event.message ?? '');
    const message = joined ? `(combined from similar events): ${event.message}` : event.message;
    const key = joined ? group : `${group}\0${event.message}`;
    const known = this.#known.get(key);
    if (!known) return { key, event: { ...event, message }, isRepeated: false };
    const { name, count, firstTimestamp } = known;
    const metadata = { ...event.metadata, name };
    return { key, event: { ...event, metadata, message, count: count + 1, firstTimestamp }, isRepeated: true };
  }

  /** The event was written: the next equal one counts on it. */
  remember(key: string, { metadata, count = 1, firstTimestamp }: Event): void {
    setBounded(this.#known, key, { name: metadata.name, count, firstTimestamp });
  }

  #takeToken(key: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: limits.burst, atMs: now };
    const tokens = Math.min(limits.burst, bucket.tokens + (now - bucket.atMs) / limits.msPerToken);
    bucket.tokens = tokens >= 1 ? tokens - 1 : tokens;
    bucket.atMs = now;
    setBounded(this.#buckets, key, bucket);
    return tokens >= 1;
  }

  #isOneTooMany(key: string, message: string): boolean {
    const now = this.#clock.now();
    let group = this.#groups.get(key);
    if (!group || now - group.lastMs > limits.windowMs) group = { messages: new Set(), lastMs: now };
    group.lastMs = now;
    group.messages.add(message);
    setBounded(this.#groups, key, group);
    if (group.messages.size < limits.similar) return false;
    group.messages.delete(group.messages.values().next().value as string);
    return true;
  }
}

/** Parts end with a character that none of them can have. A busy source has thousands of these: they are short. */
const objectKey = ({ source, involvedObject: o }: Event): string =>
  `${source?.component}\0${source?.host}\0${o.uid}\0${o.apiVersion}\0${o.kind}\0${o.namespace}\0${o.name}\0${o.fieldPath}`;

function setBounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limits.entries) map.delete(map.keys().next().value as string);
}
