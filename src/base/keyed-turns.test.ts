import { expect, it } from 'vitest';
import { KeyedTurns } from './keyed-turns.ts';

it('runs the tasks of a key one after another, also after one that failed, and keys beside each other', async () => {
  const turns = new KeyedTurns();
  const begun: string[] = [];
  let endFirst = () => {};
  const first = turns.run('a', async () => {
    begun.push('a1');
    await new Promise<void>((resolve) => (endFirst = resolve));
    throw new Error('no');
  });
  const second = turns.run('a', async () => begun.push('a2'));
  await turns.run('b', async () => begun.push('b'));
  expect(begun).toEqual(['a1', 'b']);
  endFirst();
  await expect(first).rejects.toThrow('no');
  expect(await second).toBe(3);
  expect(begun).toEqual(['a1', 'b', 'a2']);
});
