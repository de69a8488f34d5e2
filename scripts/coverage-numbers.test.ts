import { describe, expect, it } from 'vitest';
import { explained, fallen, missingTests, withoutIndexes } from './coverage-numbers.ts';

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

  it('have a reason for each fact that is not shown, and for no other', () => {
    const done = new Map([
      ['a', true],
      ['b', false],
      ['c', false],
    ]);
    const problems = (reasons: Record<string, string>) => explained(done, reasons).problems;
    expect(explained(done, { b: 'it is off', c: 'open: not done' })).toEqual({ unreachable: 1, open: 1, problems: [] });
    expect(problems({ b: 'it is off' })).toEqual(['c: not shown, and nothing says why']);
    expect(problems({ a: 'no', b: 'no', c: 'no' })).toEqual(['a: shown, but there is a reason why not']);
    expect(problems({ b: '', c: 'no' })).toEqual(['b: not shown, and nothing says why']);
  });

  it('know fields by their names', () => {
    expect(withoutIndexes('spec.{containers,initContainers}[].ports[0].name')).toBe('spec..ports.name');
  });
});
