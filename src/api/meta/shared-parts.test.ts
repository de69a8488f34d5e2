import { expect, it } from 'vitest';
import { SharedParts } from './shared-parts.ts';

const pod = (name: string) => ({
  kind: 'Pod',
  metadata: { name, labels: { app: 'web' }, annotations: undefined },
  spec: { containers: [{ name: 'main', image: name, env: [{ name: 'A', value: '1' }] }] },
});

it('makes one object of parts that are equal, and nothing else', () => {
  const parts = new SharedParts();
  const [a, b] = [parts.freeze(pod('a')), parts.freeze(pod('b'))];
  expect(a).toStrictEqual(JSON.parse(JSON.stringify(pod('a'))));
  expect(b).toStrictEqual(JSON.parse(JSON.stringify(pod('b'))));
  expect(a.metadata.labels).toBe(b.metadata.labels);
  expect(a.spec).not.toBe(b.spec);
});

it('freezes all the way down', () => {
  const { metadata, spec } = new SharedParts().freeze(pod('a'));
  for (const part of [metadata, metadata.labels, spec, spec.containers, spec.containers[0], spec.containers[0]?.env[0]])
    expect(Object.isFrozen(part)).toBe(true);
});

it('shares below what is too large to be shared', () => {
  const large = (name: string) => ({
    spec: { list: [{ name, rules: Array.from({ length: 60 }, (_, i) => ({ i })), same: { deep: [{ x: 1 }] } }] },
  });
  const parts = new SharedParts();
  const [a, b] = [parts.freeze(large('a')), parts.freeze(large('b'))];
  expect(a.spec.list[0]?.same).toBe(b.spec.list[0]?.same);
  expect(a.spec.list[0]?.rules[7]).toBe(b.spec.list[0]?.rules[7]);
});

it('shares the rest of a part that differs in one place', () => {
  const volume = (name: string) => ({ spec: { volumes: [{ name, projected: { sources: [{ path: 'token' }] } }] } });
  const parts = new SharedParts();
  const [a, b] = [parts.freeze(volume('a')), parts.freeze(volume('b'))];
  expect(a.spec.volumes[0]?.name).toBe('a');
  expect(b.spec.volumes[0]?.name).toBe('b');
  expect(a.spec.volumes[0]?.projected).toBe(b.spec.volumes[0]?.projected);
});

it('takes numbers that have all 64 bits', () => {
  const { spec } = new SharedParts().freeze({ spec: { a: { large: 9007199254740993n } } });
  expect(spec.a.large).toBe(9007199254740993n);
});

it('keeps names that JavaScript means otherwise', () => {
  const text = '{"spec":{"a":{"__proto__":{"x":1},"y":[null]}}}';
  expect(JSON.stringify(new SharedParts().freeze(JSON.parse(text)))).toBe(text);
});
