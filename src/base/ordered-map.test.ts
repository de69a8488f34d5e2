import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OrderedMap } from './ordered-map.ts';

it('agrees with a plain map and sorted keys under any series of writes', () => {
  const key = fc.string({ maxLength: 3 });
  const step = fc.record({ key, remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), key, key, (steps, start, end) => {
      const map = new OrderedMap<number>();
      const plain = new Map<string, number>();
      steps.forEach((s, i) => {
        if (s.remove) expect(map.delete(s.key)).toBe(plain.delete(s.key));
        else {
          map.set(s.key, i);
          plain.set(s.key, i);
        }
      });
      const sorted = [...plain.keys()].sort((a, b) => (a < b ? -1 : 1));
      expect([...map.keys()]).toEqual(sorted);
      expect([...map.keys(start, end)]).toEqual(sorted.filter((k) => k >= start && k < end));
      for (const k of sorted) expect(map.get(k)).toBe(plain.get(k));
      expect(map.size).toBe(plain.size);
    }),
    { numRuns: 30 },
  );
});
