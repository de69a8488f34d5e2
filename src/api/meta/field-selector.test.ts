import { describe, expect, it } from 'vitest';
import { matchesFields, parseFieldSelector } from './field-selector.ts';

describe('field selectors', () => {
  it('parses terms, operators and escapes', () => {
    expect(parseFieldSelector('a=b,c!=d,,e==f')).toEqual([
      { field: 'a', value: 'b', negated: false },
      { field: 'c', value: 'd', negated: true },
      { field: 'e', value: 'f', negated: false },
    ]);
    expect(parseFieldSelector('a=x\\,y\\=z\\\\')).toEqual([{ field: 'a', value: 'x,y=z\\', negated: false }]);
    expect(parseFieldSelector('')).toEqual([]);
  });

  it('refuses terms without an operator and bad escapes', () => {
    expect(() => parseFieldSelector('abc')).toThrow("invalid selector: 'abc'; can't understand 'abc'");
    expect(() => parseFieldSelector('a=b\\c')).toThrow('invalid escape sequence');
    expect(() => parseFieldSelector('a=b=c')).toThrow('unescaped');
  });

  it('takes a missing field as empty', () => {
    const matches = (text: string) => matchesFields(parseFieldSelector(text), { 'spec.nodeName': 'n', x: '' });
    expect([matches('spec.nodeName=n'), matches('spec.nodeName!=n'), matches('y='), matches('y!=')]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
