import { describe, expect, it } from 'vitest';
import { duplicateFields } from './duplicates.ts';

describe('duplicateFields', () => {
  it('names members that occur twice by their path', () => {
    const json = '{"a":1,"spec":{"containers":[{"x":1},{"name":"c","name":"d","n\\u0061me":"e"}]},"a":{"b":[1,2]}}';
    expect(duplicateFields(json)).toEqual(['spec.containers[1].name', 'a']);
  });

  it('is not fooled by values, escapes and equal names in different objects', () => {
    expect(
      duplicateFields('{"a":"a","b":["a","a"],"c":"\\"a\\":","d":{"a":{"a":1}}, "e" : "{\\"a\\":1,\\"a\\":2}"}'),
    ).toEqual([]);
    expect(duplicateFields(Buffer.from(' [ {"a":1} , {"a":2} ] '))).toEqual([]);
  });

  it('ends on text that is cut off', () => {
    expect(duplicateFields('{"a":1,"a')).toEqual([]);
    expect(duplicateFields('{"a":1,"a":"\\')).toEqual(['a']);
  });
});
