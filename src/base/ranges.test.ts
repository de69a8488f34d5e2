import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRanges, type Range, withoutHoles } from './ranges.ts';

const range = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]): Range => [Math.min(a, b), Math.max(a, b)]);
const has = (ranges: readonly Range[], n: number) => ranges.some(([first, last]) => n >= first && n <= last);
const numbers = Array.from({ length: 62 }, (_, i) => i);

describe('ranges', () => {
  it('merged hold the same numbers, in order and apart', () => {
    fc.assert(
      fc.property(fc.array(range), (ranges) => {
        const merged = mergeRanges(ranges);
        for (const n of numbers) expect(has(merged, n)).toBe(has(ranges, n));
        for (const [i, [first]] of merged.entries()) expect(first).toBeGreaterThan((merged[i - 1]?.[1] ?? -2) + 1);
      }),
    );
  });

  it('with holes hold what is in no hole', () => {
    fc.assert(
      fc.property(range, fc.array(range), (whole, holes) => {
        const left = withoutHoles(whole, holes);
        for (const n of numbers) expect(has(left, n)).toBe(has([whole], n) && !has(holes, n));
      }),
    );
  });
});
