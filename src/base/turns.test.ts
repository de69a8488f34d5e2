import { expect, it } from 'vitest';
import { nextTurn } from './clock.ts';
import { Turns } from './turns.ts';

/** Long enough for any turn. */
function busy(): void {
  const until = performance.now() + 6;
  while (performance.now() < until);
}

it('lets a young turn go on, and cuts a long one', async () => {
  const turns = new Turns();
  expect(turns.giveWay()).toBeUndefined();
  busy();
  let others = 0;
  setImmediate(() => others++);
  const cut = turns.giveWay();
  expect(cut).toBeInstanceOf(Promise);
  await cut;
  expect(others).toBe(1);
  expect(turns.giveWay()).toBeUndefined();
});

it('does not count what waited as work', async () => {
  const turns = new Turns();
  expect(turns.giveWay()).toBeUndefined();
  await nextTurn();
  busy();
  expect(turns.giveWay()).toBeUndefined();
});
