import { expect, it } from 'vitest';
import { sameJson } from './same-json.ts';

it('compares JSON, null and absent alike', () => {
  expect(sameJson({ a: [1, { b: null }] }, { a: [1, {}], c: undefined })).toBe(true);
  expect(sameJson({ a: null }, undefined)).toBe(false);
  expect(sameJson([1, 2], [2, 1])).toBe(false);
  expect(sameJson([], {})).toBe(false);
  expect(sameJson(0, null)).toBe(false);
});
