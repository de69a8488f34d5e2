import { type Clock, nextTurn, type TimerOptions } from './clock.ts';
import { TimerQueue } from './timer-queue.ts';

/** A clock that moves only when told to, and knows what is still to come. */
export interface DrivenClock extends Clock {
  /** When the next timer is due, in epoch milliseconds; undefined when none is set. */
  nextDue(): number | undefined;
  /** The same without what runs in the background. */
  nextForeground(): number | undefined;
  /** Runs everything due within `ms`, in order; between two instants, promises that are ready are let through. */
  advance(ms: number): Promise<void>;
}

/** A clock that stands still until told to move. Timers due at the same instant run in the order they were set. */
export class VirtualClock implements DrivenClock {
  #now: number;
  readonly #timers = new TimerQueue();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void, options?: TimerOptions): () => void {
    return this.#timers.add(this.#now + Math.ceil(Math.max(delayMs, 0)), run, options);
  }

  nextDue(): number | undefined {
    return this.#timers.nextDue();
  }

  nextForeground(): number | undefined {
    return this.#timers.nextForeground();
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await nextTurn();
    for (let due = this.nextDue(); due !== undefined && due <= end; due = this.nextDue()) {
      this.#now = Math.max(this.#now, due);
      this.#timers.runDue(due);
      await nextTurn();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Sets the time, forwards or back; what is pending stays as far away as it was. */
  reset(nowMs: number): void {
    this.#timers.shift(nowMs - this.#now);
    this.#now = nowMs;
  }
}
