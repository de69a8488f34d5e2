import { expect, it } from 'vitest';
import { ownCopy, slabCopies } from './slabs.ts';

it('gives pieces that are apart from each other and from what they were copied from', () => {
  const copy = slabCopies();
  const source = Buffer.alloc(700);
  const copies = Array.from({ length: 400 }, (_, i) => copy(source.fill(i % 256).subarray(0, 300 + i)));
  for (const [i, piece] of copies.entries()) expect(piece.equals(Buffer.alloc(300 + i, i % 256)), String(i)).toBe(true);
  expect(new Set(copies.map(({ buffer }) => buffer)).size).toBeLessThan(5);
});

it('gives what is large room of its own', () => {
  const large = slabCopies()(Buffer.alloc(20_000, 7));
  expect(large.equals(Buffer.alloc(20_000, 7))).toBe(true);
  expect(large.buffer.byteLength).toBe(20_000);
  expect(ownCopy(Buffer.from('abc')).buffer.byteLength).toBe(3);
});
