import type { Clock } from '../base/clock.ts';

/** So long a gang waits for all of its pods to be ready to be bound. */
const timeoutMs = 5 * 60_000;

/** Lets pods through to be bound when all of them are there; when one fails, or time is up, none. */
export class PermitBarrier {
  readonly #promise: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  #missing: number;
  readonly #cancel: () => void;
  /** Some of them have something to do before they come: the others will wait. */
  readonly isSlow: boolean;

  constructor(clock: Clock, count: number, { isSlow = false } = {}) {
    this.#missing = count;
    this.isSlow = isSlow;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#promise.catch(() => {});
    const timeUp = () => this.fail(new Error('timed out waiting for minCount pods from a gang to be scheduled'));
    this.#cancel = clock.after(timeoutMs, timeUp, { background: true });
  }

  /** Rejects when the others cannot come. */
  pass(): Promise<void> {
    if (--this.#missing === 0) {
      this.#cancel();
      this.#resolve();
    }
    return this.#promise;
  }

  fail(error: Error): void {
    this.#cancel();
    this.#reject(error);
  }
}
