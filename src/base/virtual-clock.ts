import { type Clock, nextTurn } from './clock.ts';
import { Heap } from './heap.ts';

interface Timer {
  at: number;
  order: number;
  run: (() => void) | undefined;
}

/** A clock that stands still until told to move. Timers due at the same instant run in the order they were set. */
export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Heap<Timer>((a, b) => a.at - b.at || a.order - b.order);

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(delayMs, 0), order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  /** When the next timer is due, in epoch milliseconds; undefined when none is set. */
  nextDue(): number | undefined {
    while (this.#timers.peek() && !this.#timers.peek()?.run) this.#timers.pop();
    return this.#timers.peek()?.at;
  }

  /** Runs everything due within `ms`, in order; between two timers, promises that are ready are let through. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await nextTurn();
    for (let due = this.nextDue(); due !== undefined && due <= end; due = this.nextDue()) {
      this.#now = due;
      this.#timers.pop()?.run?.();
      await nextTurn();
    }
    this.#now = end;
  }
}

/** A turn of the event loop: every promise chain that can proceed has done so when it resolves. */
