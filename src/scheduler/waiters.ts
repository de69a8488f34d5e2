import type { Clock } from '../base/clock.ts';

interface Waiter {
  ready(): boolean;
  resolve(): void;
  reject(error: Error): void;
  cancel(): void;
}

/** Nobody waits any longer. */
export class SchedulerStopped extends Error {
  constructor() {
    super('the scheduler stops');
  }
}

/** Binding steps that wait for the cluster to come into a state. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when `ready`, asked now and at every `poke`; rejects after `timeoutMs` or at `stop`. */
  until(ready: () => boolean, timeoutMs: number): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(
        timeoutMs,
        () => {
          this.#waiting.delete(waiter);
          reject(new Error('timed out waiting for the condition'));
        },
        { background: true },
      );
      const waiter: Waiter = { ready, resolve, reject, cancel };
      this.#waiting.add(waiter);
    });
  }

  poke(): void {
    for (const waiter of this.#waiting) {
      if (!waiter.ready()) continue;
      this.#waiting.delete(waiter);
      waiter.cancel();
      waiter.resolve();
    }
  }

  stop(): void {
    for (const waiter of this.#waiting) {
      waiter.cancel();
      waiter.reject(new SchedulerStopped());
    }
    this.#waiting.clear();
  }
}
