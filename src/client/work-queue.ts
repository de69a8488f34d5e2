import { backoffMs } from '../base/backoff.ts';
import type { Clock, TimerOptions } from '../base/clock.ts';
import { Heap } from '../base/heap.ts';

export interface WorkQueueOptions {
  /** Back-off of `addRateLimited` per key; 5 ms doubling to 1000 s unless told. */
  baseMs?: number;
  maxMs?: number;
  observer?: WorkQueueObserver | undefined;
}

/** Is told what becomes of keys; for figures. */
export interface WorkQueueObserver {
  /** It waits to be taken; said again when it waits already. */
  ready(key: string): void;
  taken(key: string): void;
  done(key: string): void;
  /** It comes again after its back-off. */
  retried(): void;
  /** What waited was dropped. */
  cleared(): void;
}

/**
 * A queue of keys with the promises of client-go's: fair (first come, first served), stingy (a key waits at most once, is
 * handed to one worker at a time, and comes again when added while in work), delaying, and rate limited per key.
 * Its size is bounded by the number of different keys.
 */
export class WorkQueue {
  readonly #backoff: { baseMs: number; maxMs: number };
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  /** Added while in work. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #later: DelayedKeys;
  /** Delays that only guard: the clock need not wait for them. */
  readonly #guards: DelayedKeys;
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #observer: WorkQueueObserver | undefined;
  #isShutDown = false;

  constructor(clock: Clock, options: WorkQueueOptions = {}) {
    const add = (key: string) => this.add(key);
    this.#later = new DelayedKeys(clock, add);
    this.#guards = new DelayedKeys(clock, add, { background: true });
    this.#observer = options.observer;
    this.#backoff = { baseMs: options.baseMs ?? 5, maxMs: options.maxMs ?? 1_000_000 };
  }

  /** Keys ready to be taken. */
  get length(): number {
    return this.#ready.size;
  }

  /** Nothing ready, in work or waiting for its time. */
  get isIdle(): boolean {
    return this.#ready.size === 0 && this.#working.size === 0 && this.#later.size + this.#guards.size === 0;
  }

  add(key: string): void {
    if (this.#isShutDown) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#observer?.ready(key);
    this.#hand();
  }

  /** `background`: nothing is missing until then, the key is only looked at again to be sure. */
  addAfter(key: string, delayMs: number, { background = false }: TimerOptions = {}): void {
    if (this.#isShutDown) return;
    if (delayMs <= 0) return this.add(key);
    (background ? this.#guards : this.#later).add(key, delayMs);
  }

  /** Adds the key after its back-off, which doubles until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    this.#observer?.retried();
    this.addAfter(key, backoffMs(failures, this.#backoff));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, or undefined once the queue is shut down. Each key taken must be given back with `done`. */
  take(): Promise<string | undefined> {
    if (this.#isShutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  done(key: string): void {
    this.#working.delete(key);
    this.#observer?.done(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops what waits; keys in work may still be given back. */
  shutDown(): void {
    this.#isShutDown = true;
    this.#ready.clear();
    this.#observer?.cleared();
    this.#later.clear();
    this.#guards.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #hand(): void {
    for (const key of this.#ready) {
      const taker = this.#takers.shift();
      if (!taker) return;
      this.#ready.delete(key);
      this.#working.add(key);
      this.#observer?.taken(key);
      taker(key);
    }
  }
}

/** Keys that come when their time has come; a key waits once, for the earliest time it was given. */
class DelayedKeys {
  readonly #clock: Clock;
  readonly #release: (key: string) => void;
  readonly #options: TimerOptions;
  readonly #queue = new Heap<{ at: number; key: string }>((a, b) => a.at - b.at);
  /** The earliest time a key is due; entries of the queue that differ are stale. */
  readonly #dueAt = new Map<string, number>();
  #cancelTimer: () => void = () => {};
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, release: (key: string) => void, options: TimerOptions = {}) {
    this.#clock = clock;
    this.#release = release;
    this.#options = options;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  add(key: string, delayMs: number): void {
    const at = this.#clock.now() + delayMs;
    const due = this.#dueAt.get(key);
    if (due !== undefined && due <= at) return;
    this.#dueAt.set(key, at);
    this.#queue.push({ at, key });
    this.#setTimer();
  }

  clear(): void {
    this.#cancelTimer();
    this.#dueAt.clear();
  }

  #setTimer(): void {
    const next = this.#queue.peek()?.at ?? Number.POSITIVE_INFINITY;
    if (next >= this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = next;
    this.#cancelTimer = this.#clock.after(next - this.#clock.now(), () => this.#releaseDue(), this.#options);
  }

  #releaseDue(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let top = this.#queue.peek(); top && top.at <= now; top = this.#queue.peek()) {
      this.#queue.pop();
      if (this.#dueAt.get(top.key) !== top.at) continue;
      this.#dueAt.delete(top.key);
      this.#release(top.key);
    }
    this.#setTimer();
  }
}
