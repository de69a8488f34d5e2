import { Turns } from './turns.ts';

export interface TimerOptions {
  /** Comes again for ever (a heartbeat) or only guards (a deadline): nobody waits for it, so a settled world may have it. */
  background?: boolean;
}

/** Time as an argument: nothing outside `base/` and `bin/` reads the wall clock or sets a timer by itself. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void, options?: TimerOptions): () => void;
  /**
   * For long work, between two pieces of it: undefined while its turn of the event loop is young, otherwise resolves when
   * everything else has had its turn. A clock that is driven has none: what is at work there is done before time goes on.
   */
  readonly giveWay?: () => Promise<void> | undefined;
}

const turns = new Turns();

/** More than that is a clock that was set back: nobody waits for that. */
const maxEarlyMs = 2;

/** The machine's clock. A pending `after` keeps the process alive unless the caller ends it. */
export const realClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const dueMs = Date.now() + delayMs;
    const fire = () => {
      const leftMs = dueMs - Date.now();
      // Timers count by another clock than `now`, and may come a moment before their time by it.
      if (leftMs > 0 && leftMs <= maxEarlyMs) timer = setTimeout(fire, leftMs);
      else run();
    };
    // Node turns delays over 2^31-1 ms into 1 ms.
    let timer = setTimeout(fire, Math.min(Math.max(delayMs, 0), 2_147_483_647));
    return () => clearTimeout(timer);
  },
  giveWay: () => turns.giveWay(),
};

/** Seconds since the call, finer than a clock's: for figures only, nothing may depend on them. */
export function stopwatch(): () => number {
  const startedMs = performance.now();
  return () => (performance.now() - startedMs) / 1000;
}

/** Gives way to everything else that the event loop has to do. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Calls `run` every `periodMs`, counted from the end of the previous call; the returned function stops it. */
export function every(clock: Clock, periodMs: number, run: () => void): () => void {
  const options = { background: true };
  let cancel = clock.after(periodMs, tick, options);
  let stopped = false;
  function tick(): void {
    run();
    if (!stopped) cancel = clock.after(periodMs, tick, options);
  }
  return () => {
    stopped = true;
    cancel();
  };
}
