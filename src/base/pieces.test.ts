import { expect, it } from 'vitest';
import { atOnce, givingWay, type Pieces } from './pieces.ts';

function* count(seen: number[]): Pieces<string> {
  for (let i = 0; i < 3; i++) {
    seen.push(i);
    yield;
  }
  return 'done';
}

it('does all pieces at once', () => {
  const seen: number[] = [];
  expect([atOnce(count(seen)), seen]).toEqual(['done', [0, 1, 2]]);
});

it('lets others have their turn where the clock says so', async () => {
  const seen: number[] = [];
  let resume = (): void => undefined;
  const pause = new Promise<void>((resolve) => (resume = resolve));
  const work = givingWay(count(seen), { giveWay: () => (seen.length === 2 ? pause : undefined) });
  await Promise.resolve();
  expect(seen).toEqual([0, 1]);
  resume();
  expect([await work, seen]).toEqual(['done', [0, 1, 2]]);
});

it('is done in one go by a clock that has no turns', async () => {
  const seen: number[] = [];
  const work = givingWay(count(seen), {});
  expect(seen).toEqual([0, 1, 2]);
  expect(await work).toBe('done');
});
