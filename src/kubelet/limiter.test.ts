import { expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

/** Tasks that say when they begin, and end when they are told. */
function setUp(limit: number) {
  const limiter = new Limiter(limit);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, options?: { first: boolean }) =>
    limiter.run(() => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    }, options);
  const end = async (name: string) => {
    ends.get(name)?.();
    await new Promise(setImmediate);
  };
  return { limiter, begun, run, end };
}

it('lets so many run at once, the others in order, what is begun first', async () => {
  const { begun, run, end } = setUp(2);
  const all = [
    run('a'),
    run('b'),
    run('c'),
    run('d'),
    run('a again', { first: true }),
    run('b again', { first: true }),
  ];
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'a again']);
  for (const name of ['a', 'a again', 'b again', 'c', 'd']) await end(name);
  expect(begun).toEqual(['a', 'b', 'a again', 'b again', 'c', 'd']);
  await Promise.all(all);
});

it('hands the place on when a task fails', async () => {
  const limiter = new Limiter(1);
  const failed = limiter.run(() => Promise.reject(new Error('no')));
  const other = limiter.run(() => Promise.resolve(1));
  await expect(failed).rejects.toThrow('no');
  expect(await other).toBe(1);
});

it('has time to spare when nobody waits', async () => {
  const { limiter, run, end } = setUp(1);
  let isSpare = false;
  await limiter.spareTime();
  const all = [run('a'), run('b')];
  const spare = limiter.spareTime().then(() => (isSpare = true));
  await new Promise(setImmediate);
  expect(isSpare).toBe(false);
  await end('a');
  expect(isSpare).toBe(true);
  await end('b');
  await Promise.all([...all, spare]);
});
