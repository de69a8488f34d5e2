import { describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { PreparedTurns } from './prepared-turns.ts';

/** A question that the test answers. */
function question() {
  let answer: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    answer = { resolve, reject };
  });
  return { promise, ...(answer as NonNullable<typeof answer>) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const nobody = () => undefined;

describe('what comes from a journal', () => {
  it('is handed on at once where nobody has to be asked', () => {
    const turns = new PreparedTurns({ clock: new VirtualClock(), log: silentLog });
    const told: number[] = [];
    turns.take(nobody, () => told.push(1));
    turns.take(nobody, () => told.push(2));
    expect(told).toEqual([1, 2]);
  });

  it('keeps its order while somebody is asked, whoever answers first', async () => {
    const turns = new PreparedTurns({ clock: new VirtualClock(), log: silentLog });
    const told: number[] = [];
    const [first, third] = [question(), question()];
    turns.take(
      () => first.promise,
      () => told.push(1),
    );
    turns.take(nobody, () => told.push(2));
    turns.take(
      () => third.promise,
      () => told.push(3),
    );
    third.resolve();
    await settled();
    expect(told).toEqual([]);
    first.resolve();
    await settled();
    expect(told).toEqual([1, 2, 3]);
    // Nothing is waited for any more.
    turns.take(nobody, () => told.push(4));
    expect(told).toEqual([1, 2, 3, 4]);
  });

  it('waits for somebody who cannot answer, and asks him again', async () => {
    const clock = new VirtualClock();
    const turns = new PreparedTurns({ clock, log: silentLog });
    const told: number[] = [];
    let asked = 0;
    turns.take(
      () => (++asked < 3 ? Promise.reject(new Error('away')) : Promise.resolve()),
      () => told.push(1),
    );
    turns.take(nobody, () => told.push(2));
    await settled();
    await clock.advance(1000);
    await settled();
    expect([asked, told]).toEqual([2, []]);
    await clock.advance(1000);
    await settled();
    expect([asked, told]).toEqual([3, [1, 2]]);
  });

  it('is not handed on after the end', async () => {
    const turns = new PreparedTurns({ clock: new VirtualClock(), log: silentLog });
    const told: number[] = [];
    const first = question();
    turns.take(
      () => first.promise,
      () => told.push(1),
    );
    turns.close();
    first.resolve();
    await settled();
    expect(told).toEqual([]);
  });
});
