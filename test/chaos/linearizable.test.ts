import { describe, expect, it } from 'vitest';
import { seededRng } from '../../src/base/rng.ts';
import type { Change, History, Operation } from './history.ts';
import { contradictions } from './linearizable.ts';

const read = (startMs: number, endMs: number, seen?: [revision: number, token: string]): Operation => ({
  key: 'x',
  startMs,
  endMs,
  call: { type: 'read' },
  outcome: seen ? { type: 'seen', revision: seen[0], token: seen[1] } : { type: 'absent' },
});
const write = ([startMs, endMs]: [number, number], base: number, token: string, revision?: number): Operation => ({
  key: 'x',
  startMs,
  endMs: revision === undefined ? Number.POSITIVE_INFINITY : endMs,
  call: { type: 'write', base, token },
  outcome: revision === undefined ? { type: 'unknown' } : { type: 'written', revision },
});
const change = (revision: number, token?: string): Change => ({ key: 'x', revision, token });
const events = [change(5, 'a'), change(7, 'b'), change(9)];
const good: History = {
  operations: [
    read(0, 1),
    write([2, 4], 0, 'a', 5),
    read(3, 5),
    read(5, 6, [5, 'a']),
    write([6, 9], 5, 'b', 7),
    read(7, 8, [5, 'a']),
    read(7, 10, [7, 'b']),
    { key: 'x', startMs: 11, endMs: 12, call: { type: 'write', base: 7 }, outcome: { type: 'written' } },
    read(13, 14),
  ],
  watches: [
    { from: 0, events },
    { from: 5, events: events.slice(1) },
  ],
};
const having = (...more: Operation[]): History => ({ ...good, operations: [...good.operations, ...more] });

describe('the checker', () => {
  it('finds nothing where all is well, unknown outcomes and concurrent reads of either side included', () => {
    expect(contradictions(good)).toEqual([]);
    const lateEffect = { ...good, operations: [write([0, 1], 0, 'a'), ...good.operations.slice(4)] };
    expect(contradictions(lateEffect)).toEqual([]);
    expect(contradictions(having(write([1, 2], 4, 'never')))).toEqual([]);
    // Somebody else took it away before.
    const deletion = { ...(good.operations[7] as Operation), startMs: 20, outcome: { type: 'unknown' } } as const;
    expect(contradictions(having({ ...deletion, endMs: Number.POSITIVE_INFINITY }))).toEqual([]);
  });

  it.each<[string, History]>([
    ['a stale read', having(read(10.5, 10.8, [5, 'a']))],
    ['a read of what went', having(read(13, 14, [7, 'b']))],
    ['a read of what is still to come', having(read(1, 1.5, [5, 'a']))],
    ['nothing where something is', having(read(5.5, 5.8))],
    ['a write acknowledged at another revision', having(write([20, 21], 9, 'b', 8))],
    ['an acknowledged write that nobody heard of', having(write([20, 21], 0, 'c', 11))],
    [
      'a write over something newer',
      { ...good, operations: [...good.operations.slice(0, 4), write([6, 9], 4, 'b', 7)] },
    ],
    [
      'a deletion that did not happen',
      having({ ...(good.operations[7] as Operation), call: { type: 'write', base: 5 } }),
    ],
    [
      'a refusal without a reason',
      having({
        key: 'x',
        startMs: 13,
        endMs: 14,
        call: { type: 'write', base: 9, token: 'r' },
        outcome: { type: 'refused' },
      }),
    ],
    [
      'a refused write that is there',
      {
        ...good,
        operations: [{ ...write([2, 4], 0, 'a', 5), outcome: { type: 'refused' } }, ...good.operations.slice(3)],
      },
    ],
    ['what nobody wrote', { ...good, watches: [{ from: 0, events: [...events, change(12, 'ghost')] }] }],
    [
      'a lost event',
      { ...good, watches: [good.watches[0] as never, { from: 0, events: [change(5, 'a'), change(9)] }] },
    ],
    ['an event told twice', { ...good, watches: [{ from: 0, events: [...events, change(9)] }] }],
    [
      'events in another order',
      { ...good, watches: [{ from: 0, events: [change(7, 'b'), change(5, 'a'), change(9)] }] },
    ],
    [
      'two stories of one revision',
      { ...good, watches: [good.watches[0] as never, { from: 8, events: [change(9, 'b')] }] },
    ],
  ])('sees %s', (_, history) => {
    expect(contradictions(history)).not.toEqual([]);
  });

  it('agrees with a register that is one, and sees a single stale read in it (1,000 operations)', () => {
    const rng = seededRng(3);
    const operations: Operation[] = [];
    const told: Change[] = [];
    let [revision, token] = [0, undefined as string | undefined];
    for (let t = 0; t < 1000; t++) {
      // Each happens at t, and takes some time around it.
      const [startMs, endMs] = [t - rng.next() * 5, t + rng.next() * 5];
      if (rng.next() < 0.5) {
        operations.push({ ...read(startMs, endMs, token === undefined ? undefined : [revision, token]) });
        continue;
      }
      const base = token === undefined ? 0 : revision;
      revision = t + 1;
      token = `t${t}`;
      operations.push(write([startMs, endMs], base, token, revision));
      told.push(change(revision, token));
    }
    const watches = [{ from: 0, events: told }];
    expect(contradictions({ operations, watches })).toEqual([]);
    const [old] = told as [Change];
    const stale = read(600, 601, [old.revision, old.token as string]);
    expect(contradictions({ operations: [...operations, stale], watches })).toHaveLength(1);
  });
});
