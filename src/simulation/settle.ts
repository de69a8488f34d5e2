import type { DrivenClock } from '../base/virtual-clock.ts';

export interface SettleOptions {
  /** What is due later than this is not waited for. Milliseconds. */
  withinMs: number;
  /** Gives up after this much of the cluster's time. Milliseconds. */
  limitMs: number;
}

/**
 * Moves the clock until nothing is left to do: no promise is on its way, and nothing but heartbeats and guards is due
 * within the time given. Does not move it further than the last thing that was done. False: it never came to rest.
 */
export async function settle(clock: DrivenClock, { withinMs, limitMs }: SettleOptions): Promise<boolean> {
  const endMs = clock.now() + limitMs;
  for (;;) {
    await clock.advance(0);
    const next = clock.nextForeground();
    if (next === undefined || next > clock.now() + withinMs) return true;
    if (next > endMs) return false;
    await clock.advance(Math.max(next - clock.now(), 0));
  }
}

/** Moves the clock, instant by instant, until `isDone` or the time is over. False: it is over. */
export async function driveUntil(clock: DrivenClock, timeoutMs: number, isDone: () => boolean): Promise<boolean> {
  const endMs = clock.now() + timeoutMs;
  await clock.advance(0);
  while (!isDone()) {
    const next = clock.nextDue();
    if (next === undefined || next > endMs) {
      await clock.advance(Math.max(endMs - clock.now(), 0));
      return isDone();
    }
    await clock.advance(Math.max(next - clock.now(), 0));
  }
  return true;
}

/** Far more than what any one thing takes that a script does (the cluster's time). */
const patienceMs = 3_600_000;

/** Waits for work that may itself wait for the clock, behind calls that are slow: moves the clock as far as that needs. */
export async function driven<T>(clock: DrivenClock, work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  work.then(settled, settled);
  if (!(await driveUntil(clock, patienceMs, () => isSettled))) throw new Error('it did not end within an hour');
  return work;
}
