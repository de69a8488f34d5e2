import { afterEach, expect, it, vi } from 'vitest';
import { realClock } from './clock.ts';

afterEach(() => vi.useRealTimers());

it('never comes before its time, though timers count by another clock than the time of day', async () => {
  const early: number[] = [];
  const waits = Array.from({ length: 300 }, (_, i) => {
    const delayMs = 1 + (i % 25);
    const dueMs = realClock.now() + delayMs;
    return new Promise<void>((resolve) =>
      realClock.after(delayMs, () => {
        if (realClock.now() < dueMs) early.push(dueMs - realClock.now());
        resolve();
      }),
    );
  });
  await Promise.all(waits);
  expect(early).toEqual([]);
});

it('does not wait for a clock that was set back, and can be cancelled while it waits for the last moment', () => {
  vi.useFakeTimers({ now: 1_000_000 });
  let runs = 0;
  realClock.after(100, () => runs++);
  const cancel = realClock.after(200, () => runs++);
  vi.setSystemTime(900_000);
  vi.advanceTimersByTime(100);
  expect(runs).toBe(1);
  // A moment early.
  vi.setSystemTime(1_000_098);
  vi.advanceTimersByTime(100);
  expect(runs).toBe(1);
  cancel();
  vi.advanceTimersByTime(1000);
  expect(runs).toBe(1);
});
