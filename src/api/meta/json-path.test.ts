import { expect, it } from 'vitest';
import { compileJsonPath, JsonPathError } from './json-path.ts';

const object = {
  spec: {
    a: 1,
    list: [
      { n: 'x', v: 1 },
      { n: 'y', v: 2 },
      { n: 'z', v: 3 },
    ],
    'dotted.name': { b: true },
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Old', status: 'False' },
    ],
  },
};

it.each<[string, unknown[]]>([
  ['.spec.a', [1]],
  ['.spec.none.below', []],
  ['.spec.list[1].n', ['y']],
  ['.spec.list[-1].n', ['z']],
  ['.spec.list[*].v', [1, 2, 3]],
  ['.spec.list[0:2].n', ['x', 'y']],
  ['.spec.list[0,2].n', ['x', 'z']],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Old')].status", ['False']],
  ['.spec.list[?(@.v>=2)].n', ['y', 'z']],
  ['.spec.list[?(@.v)].n', ['x', 'y', 'z']],
  [".spec['dotted.name'].b", [true]],
  ['.spec.dotted\\.name.b', [true]],
  ['$.spec.a', [1]],
  ['..n', ['x', 'y', 'z']],
  ['.', [object]],
])('%s', (path, expected) => {
  expect(compileJsonPath(path)(object)).toEqual(expected);
});

it.each(['spec', '.a[', '.a[x]', '.a[?(@.b==)]'])('%s is no path', (path) => {
  expect(() => compileJsonPath(path)).toThrow(JsonPathError);
});
