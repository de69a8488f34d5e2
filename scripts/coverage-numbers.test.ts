import { describe, expect, it } from 'vitest';
import { fallen, missingTests, withoutIndexes } from './coverage-numbers.ts';

describe('the numbers of coverage', () => {
  it('may rise, not fall', () => {
    const before = { kinds: { done: 5, total: 9 }, verbs: { done: 2, total: 2 } };
    expect(fallen(before, { kinds: { done: 6, total: 9 }, verbs: { done: 2, total: 3 } })).toEqual([]);
    expect(fallen(before, { kinds: { done: 4, total: 9 } })).toEqual([
      'kinds: 4, but it was 5',
      'verbs: nothing, but it was 2',
    ]);
  });

  it('count a behaviour only by a test that is there', () => {
    const textOf = (path: string): string => {
      if (path !== 'a.test.ts') throw new Error('no such file');
      return "it('does this', () => {})";
    };
    const tests = { one: 'a.test.ts > does this', two: 'a.test.ts > does that', three: 'b.test.ts > x' };
    expect(missingTests(tests, textOf)).toEqual([
      'two: a.test.ts has no test "does that"',
      'three: there is no b.test.ts',
    ]);
  });

  it('know fields by their names', () => {
    expect(withoutIndexes('spec.{containers,initContainers}[].ports[0].name')).toBe('spec..ports.name');
  });
});
