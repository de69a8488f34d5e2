import { expect, it } from 'vitest';
import { TimerQueue } from './timer-queue.ts';

it('runs by time, then by order of setting, whether in the background or not', () => {
  const ran: string[] = [];
  const queue = new TimerQueue();
  queue.add(2, () => ran.push('c'));
  queue.add(1, () => ran.push('a'), { background: true });
  queue.add(1, () => ran.push('b'));
  queue.runDue(1);
  expect(ran).toEqual(['a', 'b']);
  queue.runDue(2);
  expect(ran).toEqual(['a', 'b', 'c']);
});

it('leaves what a timer sets for the next call, even when it is due', () => {
  const ran: string[] = [];
  const queue = new TimerQueue();
  queue.add(1, () => {
    ran.push('first');
    queue.add(1, () => ran.push('second'));
  });
  queue.runDue(1);
  expect(ran).toEqual(['first']);
  queue.runDue(1);
  expect(ran).toEqual(['first', 'second']);
});

it('tells the foreground from the rest, and forgets what is cancelled', () => {
  const queue = new TimerQueue();
  const cancel = queue.add(5, () => {});
  queue.add(7, () => {});
  queue.add(3, () => {}, { background: true });
  expect([queue.nextDue(), queue.nextForeground()]).toEqual([3, 5]);
  cancel();
  expect([queue.nextDue(), queue.nextForeground()]).toEqual([3, 7]);
  queue.shift(10);
  expect([queue.nextDue(), queue.nextForeground()]).toEqual([13, 17]);
});
