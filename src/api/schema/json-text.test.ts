import fc from 'fast-check';
import { expect, it } from 'vitest';
import { endOfJsonString } from './json-text.ts';

it('finds the closing quote of any string', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\\', '"', 'x', '\n', ' ') }), fc.string(), (value, rest) => {
      const json = JSON.stringify(value);
      expect(endOfJsonString(`[${json}${rest}`, 1)).toBe(json.length);
    }),
  );
});

it('ends with the text where the string does not', () => {
  expect(endOfJsonString('"abc', 0)).toBe(4);
  expect(endOfJsonString('"abc\\"', 0)).toBe(6);
});
