import { describe, expect, it } from 'vitest';
import {
  formatLabelSelector,
  labelSelectorMatcher,
  matchesLabelSelector,
  parseLabelSelector,
} from './label-selector.ts';

const labels = { a: '1', env: 'prod', n: '5', empty: '' };

describe('parseLabelSelector', () => {
  it.each([
    ['', true],
    ['a=1', true],
    ['a==1,env=prod', true],
    ['a!=1', false],
    ['b!=1', true],
    ['a', true],
    ['!a', false],
    ['! b', true],
    ['env in (prod, dev)', true],
    ['env notin (prod)', false],
    ['b notin (x)', true],
    ['empty=', true],
    ['empty in (,x)', true],
    ['n>4,n<6', true],
    ['n > 5', false],
    ['constructor', false],
    ['in in (in),a', false],
  ])('%s → %s', (text, selected) => {
    expect(parseLabelSelector(text)(labels)).toBe(selected);
  });

  it.each([
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['!!x', "unable to parse requirement: found '!', expected: identifier"],
    ['a=b c', "unable to parse requirement: found 'c', expected: ',' or 'end of string'"],
    ['a=b,', "unable to parse requirement: found '', expected: identifier after ','"],
    ['a in (b', "unable to parse requirement: found '', expected: ',', or ')'"],
  ])('refuses %j', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('refuses what cannot be a label', () => {
    expect(() => parseLabelSelector('a=-b-')).toThrow(
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b-": a valid label must be/,
    );
    expect(() => parseLabelSelector('a>x')).toThrow('must be an integer');
  });
});

describe('labelSelectorMatcher', () => {
  it('selects nothing without a selector and everything with an empty one', () => {
    expect(labelSelectorMatcher(undefined)(labels)).toBe(false);
    expect(matchesLabelSelector({}, {})).toBe(true);
  });

  it('wants all of matchLabels and matchExpressions', () => {
    const matchExpressions = [{ key: 'env', operator: 'In' as const, values: ['prod'] }];
    expect(matchesLabelSelector({ matchLabels: { a: '1' }, matchExpressions }, labels)).toBe(true);
    expect(matchesLabelSelector({ matchLabels: { a: '2' }, matchExpressions }, labels)).toBe(false);
    expect(matchesLabelSelector({ matchExpressions: [{ key: 'env', operator: 'Exists' }] }, { env: '' })).toBe(true);
  });

  it('is written as a query that selects the same', () => {
    const selector = {
      matchLabels: { z: '1', a: '2' },
      matchExpressions: [{ key: 'e', operator: 'NotIn' as const, values: ['y', 'x'] }],
    };
    expect(formatLabelSelector(selector)).toBe('a=2,e notin (x,y),z=1');
  });
});
