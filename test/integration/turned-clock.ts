import type { Clock } from '../../src/base/clock.ts';
import { realClock } from '../../src/base/clock.ts';

/**
 * The machine's clock, off by some time, which can be turned on. As on a machine that sleeps, timers do not notice: they
 * run when their delay has passed.
 */
export class TurnedClock implements Clock {
  #offsetMs: number;
  /** With when they are due, by the machine's clock. */
  readonly #timers = new Set<{ dueMs: number; run: () => void; cancel: () => void }>();

  constructor(offsetMs: number) {
    this.#offsetMs = offsetMs;
  }

  now(): number {
    return realClock.now() + this.#offsetMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: realClock.now() + delayMs, run, cancel: () => {} };
    const end = () => {
      timer.cancel();
      this.#timers.delete(timer);
    };
    timer.cancel = realClock.after(delayMs, () => {
      end();
      run();
    });
    this.#timers.add(timer);
    return end;
  }

  turn(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Runs what would be run within `ms` of waiting. */
  hurry(ms: number): void {
    const endMs = realClock.now() + ms;
    for (const timer of [...this.#timers]) {
      if (timer.dueMs > endMs || !this.#timers.delete(timer)) continue;
      timer.cancel();
      timer.run();
    }
  }
}
