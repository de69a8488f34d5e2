import { describe, expect, it } from 'vitest';
import { strangeMembers } from './strange-members.ts';

describe('strange members', () => {
  it('names members that occur twice by their path', () => {
    const json = '{"a":1,"spec":{"containers":[{"x":1},{"name":"c","name":"d","n\\u0061me":"e"}]},"a":{"b":[1,2]}}';
    expect(strangeMembers(json)).toEqual(['duplicate field "spec.containers[1].name"', 'duplicate field "a"']);
  });

  it('is not fooled by values, escapes and equal names in different objects', () => {
    expect(
      strangeMembers('{"a":"a","b":["a","a"],"c":"\\"a\\":","d":{"a":{"a":1}}, "e" : "{\\"a\\":1,\\"a\\":2}"}'),
    ).toEqual([]);
    expect(strangeMembers(' [ {"a":1} , {"a":2} ] ')).toEqual([]);
  });

  it('ends on text that is cut off', () => {
    expect(strangeMembers('{"a":1,"a')).toEqual([]);
    expect(strangeMembers('{"a":1,"a":"\\')).toEqual(['duplicate field "a"']);
  });

  it('are told in the order of the text, and nothing of what is within an unknown one', () => {
    const json = '{"no":{"a":1,"a":2},"a":1,"b":{"no":1},"a":2,"no":3}';
    expect(strangeMembers(json, ['no', 'b.no'])).toEqual([
      'unknown field "no"',
      'unknown field "b.no"',
      'duplicate field "a"',
    ]);
  });
});
