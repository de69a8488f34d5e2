import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignSlots } from './slots.ts';

describe('assignSlots', () => {
  it('lets newcomers fill holes', () => {
    expect(assignSlots(['a', 'b', 'c'], ['a', 'c', 'd'])).toEqual(['a', 'd', 'c']);
  });

  it('moves the last into a hole', () => {
    expect(assignSlots(['a', 'b', 'c', 'd'], ['b', 'c', 'd'])).toEqual(['d', 'b', 'c']);
    expect(assignSlots(['a', 'b', 'c', 'd'], ['b'])).toEqual(['b']);
    expect(assignSlots(['a', 'b'], [])).toEqual([]);
  });

  it('holds exactly the wanted ones and moves no more than went away', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefghijkl'));
    fc.assert(
      fc.property(names, names, (previous, wanted) => {
        const slots = assignSlots(previous, wanted);
        expect([...slots].sort()).toEqual([...wanted].sort());
        const gone = previous.filter((name) => !wanted.includes(name)).length;
        const moved = previous.filter((name, i) => wanted.includes(name) && slots[i] !== name).length;
        expect(moved).toBeLessThanOrEqual(gone);
      }),
    );
  });
});
