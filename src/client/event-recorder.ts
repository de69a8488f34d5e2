import type { Event, ObjectReference } from '../api/generated/types.ts';
import { events } from '../api/generated/resources.ts';
import { isNotFound, StatusError } from '../api/meta/status-error.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import { fnv1a } from '../base/hash.ts';
import type { Logger } from '../base/log.ts';
import { type Correlated, EventCorrelator } from './event-correlator.ts';
import type { Client } from './client.ts';

export type EventType = 'Normal' | 'Warning';

/** Says to people what happened to an object, as core/v1 Events. Never blocks and never fails the caller. */
export interface EventRecorder {
  event(about: KubeObject | ObjectReference, type: EventType, reason: string, message: string): void;
}

export interface EventRecorderDeps {
  client: Client;
  clock: Clock;
  log: Logger;
  /** Resolves when there is time for what is only advice; an event waits so long, and no longer than ten seconds. */
  spareTime?(): Promise<void>;
}

/** Events are advice: what they tell of is still being done, and goes before them. */
const gatherMs = 100;
/** So many do not wait longer. */
const manyWaiting = 5000;
/** What waits to be written at most; past it new events are dropped. */
const maxWaiting = 10_000;
/** A server writes so many to its disk together. */
const together = 8;
const maxTries = 12;
const patienceMs = 10_000;
const retryMs = 10_000;

/**
 * Events with client-go's three filters: a token bucket per object, similar events joined into one, equal events counted
 * on one object. Writes go out a few at a time, a moment after the first was said; of what is alike, one after the other.
 * `stop` drops what still waits.
 */
export class BroadcastingRecorder implements EventRecorder {
  readonly #deps: EventRecorderDeps;
  readonly #source: { component: string; host?: string };
  readonly #correlator: EventCorrelator;
  readonly #waiting: { event: Event; sinceMs: number }[] = [];
  #isWriting = false;
  #isStopped = false;
  #sequence: number;
  #dropped = 0;
  #cancelGathering: (() => void) | undefined;
  readonly #retries = new Set<() => void>();

  constructor(deps: EventRecorderDeps, source: { component: string; host?: string }) {
    this.#deps = deps;
    this.#source = source;
    this.#correlator = new EventCorrelator(deps.clock);
    this.#sequence = fnv1a(`${source.component} ${source.host ?? ''}`) % 1_000_000;
  }

  event(about: KubeObject | ObjectReference, type: EventType, reason: string, message: string): void {
    if (this.#isStopped) return;
    if (this.#waiting.length >= maxWaiting) {
      // Once for each flood: a line for each event would be a flood of its own.
      if (this.#dropped++ === 0) this.#deps.log.warn({ reason, limit: maxWaiting }, 'events dropped: too many wait');
      return;
    }
    const event = this.#make(referenceTo(about), { type, reason, message });
    this.#waiting.push({ event, sinceMs: this.#deps.clock.now() });
    if (this.#isWriting) return;
    if (this.#waiting.length >= manyWaiting) void this.#writeAll();
    else this.#cancelGathering ??= this.#deps.clock.after(gatherMs, () => void this.#writeAll());
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    this.#cancelGathering?.();
    for (const cancel of this.#retries) cancel();
  }

  #make(involvedObject: ObjectReference, what: { type: EventType; reason: string; message: string }): Event {
    const nowMs = this.#deps.clock.now();
    const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
    // Nanoseconds as Kubernetes has them. The clock's milliseconds are filled up so that names do not meet: each recorder
    // counts from a place of its own.
    const stamp = BigInt(nowMs) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000);
    return {
      metadata: {
        name: `${involvedObject.name}.${stamp.toString(16)}`,
        namespace: involvedObject.namespace ?? 'default',
      },
      involvedObject,
      ...what,
      source: this.#source,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
    };
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    this.#cancelGathering?.();
    this.#cancelGathering = undefined;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      await this.#spareTime(next.sinceMs + patienceMs);
      if (this.#isStopped) break;
      await Promise.all(this.#takeSome().map((correlated) => this.#writeOne(correlated)));
    }
    this.#isWriting = false;
    if (this.#dropped > 0) this.#deps.log.warn({ dropped: this.#dropped }, 'events were dropped');
    this.#dropped = 0;
  }

  /** The next few; what may count on one of them waits until that is written. */
  #takeSome(): Correlated[] {
    const taken = new Map<string, Correlated | undefined>();
    for (let next = this.#waiting[0]; next && taken.size < together; next = this.#waiting[0]) {
      const { involvedObject, type, reason } = next.event;
      const about = `${involvedObject.uid} ${involvedObject.name} ${type} ${reason}`;
      if (taken.has(about)) break;
      this.#waiting.shift();
      taken.set(about, this.#correlator.correlate(next.event));
    }
    return [...taken.values()].filter((correlated) => correlated !== undefined);
  }

  async #spareTime(untilMs: number): Promise<void> {
    const { clock, spareTime } = this.#deps;
    const leftMs = untilMs - clock.now();
    if (!spareTime || leftMs <= 0) return;
    let cancel = () => {};
    await Promise.race([spareTime(), new Promise<void>((resolve) => (cancel = clock.after(leftMs, resolve)))]);
    cancel();
  }

  async #writeOne(correlated: Correlated): Promise<void> {
    for (let tries = 1; tries <= maxTries && !this.#isStopped; tries++) {
      try {
        const stored = await this.#send(correlated);
        this.#correlator.remember(correlated.key, stored);
        return;
      } catch (error) {
        // The server said no: the same event again would get the same answer.
        if (error instanceof StatusError && error.code < 500 && error.reason !== 'TooManyRequests') {
          this.#deps.log.debug({ reason: correlated.event.reason, error: error.message }, 'event refused');
          return;
        }
        await this.#pause();
      }
    }
  }

  async #send({ event, isRepeated }: Correlated): Promise<Event> {
    const { client } = this.#deps;
    if (isRepeated) {
      const { count, lastTimestamp, message } = event;
      const key = { namespace: event.metadata.namespace, name: event.metadata.name };
      try {
        return await client.patch(events, key, { type: 'merge', body: { count, lastTimestamp, message } });
      } catch (error) {
        // The first one has run out of its time to live.
        if (!isNotFound(error)) throw error;
      }
    }
    return client.create(events, event);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancelTimer();
        this.#retries.delete(end);
        resolve();
      };
      const cancelTimer = this.#deps.clock.after(retryMs, end);
      this.#retries.add(end);
    });
  }
}

function referenceTo(about: KubeObject | ObjectReference): ObjectReference {
  if (!('metadata' in about)) return about;
  const { kind, apiVersion, metadata } = about;
  if (!kind || !apiVersion) throw new Error(`event about ${metadata.name}, which has no kind: pass a reference`);
  const { namespace, name, uid, resourceVersion } = metadata;
  return { kind, apiVersion, name, uid, resourceVersion, ...(namespace ? { namespace } : {}) };
}
