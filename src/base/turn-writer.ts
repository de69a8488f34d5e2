import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

export interface TurnWriterDeps {
  clock: Clock;
  log: Logger;
  /** For the log. */
  what: string;
  /** Writes what is wanted by now: all of it when `whole`, else what has changed since the last call. */
  write(whole: boolean): Promise<void>;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

const retry = { baseMs: 200, maxMs: 30_000 };

/**
 * Writes whenever it was touched: all that happens in a turn of the event loop together, one write after another. The
 * first write is whole, and so is the one after a failure, which comes with back-off.
 */
export class TurnWriter {
  readonly #deps: TurnWriterDeps;
  #waiters: Waiter[] = [];
  #cancelNext: (() => void) | undefined;
  #failures = 0;
  #isWhole = true;
  #isWriting = false;
  #isTouched = false;
  #isStopped = false;

  constructor(deps: TurnWriterDeps) {
    this.#deps = deps;
  }

  touch(): void {
    this.#schedule(0);
  }

  /** Touches, and resolves when everything known now is written. Rejects when the writer stops before. */
  written(): Promise<void> {
    if (this.#isStopped) return Promise.reject(new Error('stopped'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.touch();
    });
  }

  /** What was written stays. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelNext?.();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error('stopped'));
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#isTouched = true;
    if (this.#isWriting || this.#cancelNext) return;
    this.#cancelNext = this.#deps.clock.after(delayMs, () => {
      this.#cancelNext = undefined;
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#isWriting = true;
    this.#isTouched = false;
    let delayMs = 0;
    try {
      await this.#deps.write(this.#isWhole);
      this.#isWhole = false;
      this.#failures = 0;
      for (const waiter of waiters) waiter.resolve();
    } catch (error) {
      this.#isWhole = true;
      this.#isTouched = true;
      delayMs = backoffMs(++this.#failures, retry);
      this.#deps.log.warn({ error: String(error), failures: this.#failures }, `writing ${this.#deps.what} failed`);
      if (this.#isStopped) for (const waiter of waiters) waiter.reject(new Error('stopped'));
      else this.#waiters.unshift(...waiters);
    }
    this.#isWriting = false;
    if (this.#isTouched) this.#schedule(delayMs);
  }
}
