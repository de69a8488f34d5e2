import { expect, it } from 'vitest';
import { checkedJsonCopy } from './json-copy.ts';

it('copies what JSON can carry; undefined members are absent', () => {
  const sent = { a: 1, b: [{ c: 'x', d: undefined }], e: null, f: {} };
  const copy = checkedJsonCopy(sent) as typeof sent;
  expect(copy).toEqual({ a: 1, b: [{ c: 'x' }], e: null, f: {} });
  expect(copy.b).not.toBe(sent.b);
});

it.each([
  ['a date', { spec: { at: new Date(0) } }, '.spec.at'],
  ['not a number', { a: [1, Number.NaN] }, '.a[1]'],
  ['a hole in an array', { a: [undefined] }, '.a[0]'],
  ['a map', { data: new Map([['k', 'v']]) }, '.data'],
  ['bytes', { data: Buffer.from('x') }, '.data'],
  ['a function', { f: () => {} }, '.f'],
])('refuses %s', (_, value, path) => {
  expect(() => checkedJsonCopy(value)).toThrow(`the object cannot be sent as JSON: ${path} would arrive`);
});
