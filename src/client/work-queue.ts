import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Heap } from '../base/heap.ts';

export interface WorkQueueOptions {
  /** Back-off of `addRateLimited` per key; 5 ms doubling to 1000 s unless told. */
  baseMs?: number;
  maxMs?: number;
}

/**
 * A queue of keys with the promises of client-go's: fair (first come, first served), stingy (a key waits at most once, is
 * handed to one worker at a time, and comes again when added while in work), delaying, and rate limited per key.
 * Its size is bounded by the number of different keys.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: { baseMs: number; maxMs: number };
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  /** Added while in work. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Heap<{ at: number; key: string }>((a, b) => a.at - b.at);
  /** The earliest time a key is due; entries of the heap that differ are stale. */
  readonly #dueAt = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #cancelTimer: () => void = () => {};
  #timerAt = Number.POSITIVE_INFINITY;
  #isShutDown = false;

  constructor(clock: Clock, options: WorkQueueOptions = {}) {
    this.#clock = clock;
    this.#backoff = { baseMs: options.baseMs ?? 5, maxMs: options.maxMs ?? 1_000_000 };
  }

  /** Keys ready to be taken. */
  get length(): number {
    return this.#ready.size;
  }

  /** Nothing ready, in work or waiting for its time. */
  get isIdle(): boolean {
    return this.#ready.size === 0 && this.#working.size === 0 && this.#dueAt.size === 0;
  }

  add(key: string): void {
    if (this.#isShutDown) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#hand();
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#isShutDown) return;
    if (delayMs <= 0) return this.add(key);
    const at = this.#clock.now() + delayMs;
    const due = this.#dueAt.get(key);
    if (due !== undefined && due <= at) return;
    this.#dueAt.set(key, at);
    this.#delayed.push({ at, key });
    this.#setTimer();
  }

  /** Adds the key after its back-off, which doubles until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
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
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops what waits; keys in work may still be given back. */
  shutDown(): void {
    this.#isShutDown = true;
    this.#cancelTimer();
    this.#ready.clear();
    this.#dueAt.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #hand(): void {
    for (const key of this.#ready) {
      const taker = this.#takers.shift();
      if (!taker) return;
      this.#ready.delete(key);
      this.#working.add(key);
      taker(key);
    }
  }

  #setTimer(): void {
    const next = this.#delayed.peek()?.at ?? Number.POSITIVE_INFINITY;
    if (next >= this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = next;
    this.#cancelTimer = this.#clock.after(next - this.#clock.now(), () => this.#release());
  }

  #release(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let top = this.#delayed.peek(); top && top.at <= now; top = this.#delayed.peek()) {
      this.#delayed.pop();
      if (this.#dueAt.get(top.key) !== top.at) continue;
      this.#dueAt.delete(top.key);
      this.add(top.key);
    }
    this.#setTimer();
  }
}
