import { expect, it } from 'vitest';
import { atRevision, toBytes, type Version } from '../store/version.ts';
import type { KubeObject } from '../api/resource.ts';
import { ObjectCodec } from './object-codec.ts';

const version = (name: string): Version => ({
  resource: 'configmaps',
  key: `default/${name}`,
  revision: 1,
  uid: name,
  labels: undefined,
  fields: undefined,
  bytes: toBytes(
    JSON.stringify({ kind: 'ConfigMap', metadata: { name, resourceVersion: '1' }, data: { a: 'large'.repeat(500) } }),
  ),
});

it('decodes a large version once as long as somebody holds its object, however small the cache', () => {
  const codec = new ObjectCodec({ cachedBytes: 1 });
  const first = version('first');
  const held = codec.read(first);
  for (let i = 0; i < 10; i++) codec.read(version(`other-${i}`));
  expect(codec.read(first)).toBe(held);
  expect(Object.isFrozen(held.metadata)).toBe(true);
});

it('makes the object that goes of what it was: its revision is another one', () => {
  const codec = new ObjectCodec();
  const previous = version('it');
  const gone = { type: 'DELETED' as const, version: atRevision(previous, 7), previous };
  const parsed = new ObjectCodec().readEvent(gone);
  const last = codec.read(previous) as { data?: unknown };
  const made = codec.readEvent<KubeObject & { data?: unknown }>(gone);
  expect(made).toEqual(parsed);
  expect(made.metadata.resourceVersion).toBe('7');
  expect(made.data).toBe(last.data);
  expect(Object.isFrozen(made) && Object.isFrozen(made.metadata)).toBe(true);
  expect(codec.read(gone.version)).toBe(made);
});
