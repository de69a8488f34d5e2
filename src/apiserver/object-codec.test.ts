import { expect, it } from 'vitest';
import { toBytes, type Version } from '../store/version.ts';
import { ObjectCodec } from './object-codec.ts';

const version = (name: string): Version => ({
  resource: 'configmaps',
  key: `default/${name}`,
  revision: 1,
  uid: name,
  labels: undefined,
  fields: undefined,
  bytes: toBytes(JSON.stringify({ kind: 'ConfigMap', metadata: { name }, data: { a: 'large'.repeat(500) } })),
});

it('decodes a large version once as long as somebody holds its object, however small the cache', () => {
  const codec = new ObjectCodec({ cachedBytes: 1 });
  const first = version('first');
  const held = codec.read(first);
  for (let i = 0; i < 10; i++) codec.read(version(`other-${i}`));
  expect(codec.read(first)).toBe(held);
  expect(Object.isFrozen(held.metadata)).toBe(true);
});
