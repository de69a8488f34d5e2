import { expect, it } from 'vitest';
import { shrink } from './shrink.ts';

it('leaves out what is not needed', async () => {
  const items = Array.from({ length: 40 }, (_, i) => i);
  let asked = 0;
  const least = await shrink(items, async (fewer) => {
    asked++;
    return [3, 17, 31].every((needed) => fewer.includes(needed));
  });
  expect(least).toEqual([3, 17, 31]);
  expect(asked).toBeLessThan(80);
});

it('keeps everything when everything is needed', async () => {
  expect(await shrink([1, 2, 3], async (fewer) => fewer.length === 3)).toEqual([1, 2, 3]);
});
