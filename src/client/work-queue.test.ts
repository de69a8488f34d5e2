import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/virtual-clock.ts';
import { WorkQueue } from './work-queue.ts';

const setUp = () => {
  const clock = new VirtualClock(0);
  return { clock, queue: new WorkQueue(clock) };
};

describe('WorkQueue', () => {
  it('is fair and holds a key once', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'c']) queue.add(key);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c']);
    expect(queue.length).toBe(0);
  });

  it('gives a key to one worker at a time, and again when added meanwhile', async () => {
    const { queue } = setUp();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(queue.isIdle).toBe(true);
  });

  it('delays, the earliest time winning', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('late', 1000);
    queue.addAfter('early', 500);
    queue.addAfter('late', 100);
    queue.addAfter('late', 5000);
    await clock.advance(100);
    expect(await queue.take()).toBe('late');
    await clock.advance(400);
    expect(await queue.take()).toBe('early');
    await clock.advance(10_000);
    expect(queue.length).toBe(0);
  });

  it('backs off per key from 5 ms, doubling to 1000 s, until forgotten', async () => {
    const { queue, clock } = setUp();
    for (const [failures, ms] of [
      [1, 5],
      [2, 10],
      [3, 20],
      [4, 40],
    ] as const) {
      queue.addRateLimited('a');
      await clock.advance(ms - 1);
      expect(queue.length).toBe(0);
      await clock.advance(1);
      expect(queue.length).toBe(1);
      queue.done((await queue.take()) ?? '');
      expect(queue.failures('a')).toBe(failures);
    }
    for (let i = 0; i < 30; i++) queue.addRateLimited('b');
    queue.forget('a');
    queue.addRateLimited('a');
    expect(clock.nextDue()).toBe(clock.now() + 5);
  });

  it('ends takers when shut down and takes nothing more', async () => {
    const { queue } = setUp();
    const taken = queue.take();
    queue.shutDown();
    queue.add('a');
    expect([await taken, await queue.take()]).toEqual([undefined, undefined]);
  });
});
