import { describe, expect, it } from 'vitest';
import type { Program } from '../../cel/environment.ts';
import { CompileError } from '../../cel/errors.ts';
import { jsonOf } from '../../cel/json.ts';
import { adapt } from '../../cel/values.ts';
import { dyn } from '../../cel/types.ts';
import { compileMutation, mutationTypeError } from './mutation-language.ts';
import { compilePolicy } from './policy-language.ts';

const program = (text: string): Program => {
  const made = compileMutation(text);
  if (made instanceof CompileError) throw made;
  return made;
};
const object = { metadata: { name: 'a', labels: { 'x/y': '1' } }, spec: { replicas: 2 } };
const value = (text: string) => jsonOf(program(text).run({ object: adapt(object, dyn) }, 10_000).value);
const wrong = (text: string) => (compileMutation(text) as CompileError).message.split('\n')[0];

describe('what mutations make', () => {
  it.each([
    ['Object{}', {}],
    ['[] + [JSONPatch{op: "test"}] + []', [{ op: 'test' }]],
    ['[[]] + [[[1]]]', [[], [[1]]]],
    ['Object{spec: Object.spec{replicas: object.spec.replicas + 1}}', { spec: { replicas: 3 } }],
    [
      'Object{spec: Object.spec{containers: [Object.spec.containers{name: "a", ready: true}]}}',
      { spec: { containers: [{ name: 'a', ready: true }] } },
    ],
    ['Object{metadata: Object.metadata{labels: {"a": "b"}}}', { metadata: { labels: { a: 'b' } } }],
    ['Object{?spec: optional.none(), ?kind: optional.of("x")}', { kind: 'x' }],
    ['object.spec.replicas > 1 ? Object{} : Object{kind: "x"}', {}],
    [
      '[JSONPatch{op: "add", path: "/a", value: Object.spec{b: 1}}, JSONPatch{op: "remove", path: "/c"}]',
      [
        { op: 'add', path: '/a', value: { b: 1 } },
        { op: 'remove', path: '/c' },
      ],
    ],
    ['"/metadata/labels/" + jsonpatch.escapeKey("x/y~z")', '/metadata/labels/x~1y~0z'],
  ])('%s', (text, wanted) => {
    expect(value(text)).toEqual(wanted);
  });

  it.each([
    ['Thing{}', "ERROR: <input>:1:1: undeclared reference to 'Thing' (in container '')"],
    ['JSONPatch{what: 1}', "ERROR: <input>:1:17: undefined field 'what'"],
    ['JSONPatch{op: 1}', "ERROR: <input>:1:15: expected type of field 'op' is 'string' but provided type is 'int'"],
    [
      'Object{spec: Object.spc{}}',
      'ERROR: <input>:1:20: unexpected type name "Object.spc", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      'Object{spec: Object.spec{items: [Object.items{}]}}',
      'ERROR: <input>:1:33: unexpected type name "Object.items", expected "Object.spec.items", which matches field name path from root Object type',
    ],
    ['object.spec{a: 1}', "ERROR: <input>:1:7: undeclared reference to 'object.spec' (in container '')"],
    ['Object{1: 2}', "ERROR: <input>:1:8: Syntax error: missing IDENTIFIER at '1'"],
  ])('not %s', (text, message) => {
    expect(wrong(text)).toBe(message);
  });

  it('is an object or a list of operations', () => {
    expect(mutationTypeError(program('Object{}'), 'ApplyConfiguration')).toBeUndefined();
    expect(mutationTypeError(program('{"spec": 1}'), 'ApplyConfiguration')).toBe('must evaluate to Object');
    expect(mutationTypeError(program('Object.spec{}'), 'ApplyConfiguration')).toBe('must evaluate to Object');
    expect(mutationTypeError(program('[JSONPatch{}]'), 'JSONPatch')).toBeUndefined();
    expect(mutationTypeError(program('[]'), 'JSONPatch')).toBeUndefined();
    expect(mutationTypeError(program('["a"]'), 'JSONPatch')).toBe('must evaluate to list(JSONPatch)');
  });

  it('is nothing for other policies', () => {
    expect(compilePolicy('Object{}')).toBeInstanceOf(CompileError);
  });
});
