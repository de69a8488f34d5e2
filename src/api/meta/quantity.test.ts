import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  milliValue,
  parseQuantity,
  QuantityError,
  wholeValue,
} from './quantity.ts';

const canonical: [string, string][] = [
  ['0', '0'],
  ['0.0', '0'],
  ['-0', '0'],
  ['007', '7'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1.5', '1500m'],
  ['.25', '250m'],
  ['1.', '1'],
  ['100000', '100k'],
  ['1500000', '1500k'],
  ['1234567', '1234567'],
  ['1024Mi', '1Gi'],
  ['1025Ki', '1025Ki'],
  ['0.5Gi', '512Mi'],
  ['1.5Ki', '1536'],
  ['1023Ki', '1023Ki'],
  ['1000Ki', '1000Ki'],
  ['0.1Ki', '102400m'],
  ['12e3', '12e3'],
  ['1200e0', '1200'],
  ['12E2', '1200'],
  ['1e6', '1e6'],
  ['0.0000000001', '1n'],
  ['-0.0000000001', '-1n'],
  ['+5', '5'],
  ['-1.5Gi', '-1536Mi'],
  ['1E', '1E'],
  ['9223372036854775808Ki', '9223372036854775807'],
];

describe('quantity', () => {
  it.each(canonical)('%s is written %s', (text, expected) => {
    expect(formatQuantity(parseQuantity(text))).toBe(expected);
    expect(canonicalQuantity(text)).toBe(expected);
  });

  it.each(['', 'abc', '1.2.3', '1 ', '--1', '1Kib', '1ki', '1e', '1e1.5', '.', '1KiKi', 'm', '1e999'])(
    'refuses %j',
    (text) => {
      expect(() => parseQuantity(text)).toThrow(QuantityError);
    },
  );

  it('compares and adds exactly', () => {
    const q = parseQuantity;
    expect(compareQuantity(q('1Gi'), q('1G'))).toBe(1);
    expect(compareQuantity(q('1000m'), q('1'))).toBe(0);
    expect(formatQuantity(addQuantity(q('100m'), q('1')))).toBe('1100m');
    expect(formatQuantity(addQuantity(q('0'), q('1Gi')))).toBe('1Gi');
    expect([wholeValue('1Ki'), wholeValue('1500m'), wholeValue('7')]).toEqual([1024, 2, 7]);
    expect([milliValue('100m'), milliValue('1.5'), milliValue('2'), milliValue('1u')]).toEqual([100, 1500, 2000, 1]);
  });

  it('keeps its value and its text through canonical form', () => {
    const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'u', 'n');
    const text = fc.tuple(fc.integer({ min: -99999, max: 99999 }), suffix).map(([n, s]) => `${n}${s}`);
    fc.assert(
      fc.property(text, (t) => {
        const once = canonicalQuantity(t);
        expect(canonicalQuantity(once)).toBe(once);
        expect(compareQuantity(parseQuantity(once), parseQuantity(t))).toBe(0);
      }),
    );
  });
});
