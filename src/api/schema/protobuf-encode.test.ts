import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { servedKinds } from '../generated/kinds.ts';
import { groupVersion } from '../resource.ts';
import { valueOf } from './arbitrary.fake.ts';
import { decodeProtobuf } from './protobuf-decode.ts';
import {
  encodeList,
  encodeMessage,
  encodeMetadata,
  encodeWatchEvent,
  envelope,
  hasProtobuf,
} from './protobuf-encode.ts';
import { schema } from './schema.ts';

// The oracle: protobufjs with Kubernetes' own message definitions.
const facts = join(import.meta.dirname, '../../../facts/proto.json');
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(facts, 'utf8')));
const messageName = (type: string): string => (schema.type(type) as unknown as { p: string }).p;

const meta = 'k8s.io.apimachinery.pkg.apis.meta.v1';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('encodeMessage', () => {
  it('writes the zero values of what is no pointer, and nothing for nil', () => {
    // EnvVar {name, value, valueFrom *}
    expect(hex(encodeMessage('io.k8s.api.core.v1.EnvVar', { name: 'A' }))).toBe('0a01411200');
    // ContainerPort {name, hostPort, containerPort, protocol, hostIP}
    expect(hex(encodeMessage('io.k8s.api.core.v1.ContainerPort', { containerPort: 80 }))).toBe('0a001000185022002a00');
    // ObjectFieldSelector inside a pointer; IntOrString has all three members
    expect(hex(encodeMessage('io.k8s.api.core.v1.TCPSocketAction', { port: 8080 }))).toBe('0a07080010903f1a001200');
  });

  it('writes maps by key, nil bytes not at all, times without a value as an empty message', () => {
    const secret = encodeMessage('io.k8s.api.core.v1.Secret', { data: { b: 'eA==', a: '' }, metadata: {} });
    const decoded = root.lookupType('k8s.io.api.core.v1.Secret').decode(secret).toJSON();
    expect(Object.entries(decoded.data as object)).toEqual([
      ['a', ''],
      ['b', 'eA=='],
    ]);
    expect(decoded.metadata).toMatchObject({ name: '', creationTimestamp: {} });
    expect(decoded.type).toBe('');
    expect(decoded).not.toHaveProperty('immutable');
  });
});

const kinds = servedKinds.filter((kind) => hasProtobuf(kind.type));

/** An empty list is not on the wire: none comes back. */
const withoutEmptyLists = (object: object): object =>
  JSON.parse(
    JSON.stringify(object, (_name, value) => (Array.isArray(value) && value.length === 0 ? undefined : value)),
  );

describe.each(kinds.map((kind) => [`${groupVersion(kind)} ${kind.kind}`, kind] as const))('%s', (_name, kind) => {
  const objects = valueOf(kind.type).map((value) =>
    withoutEmptyLists(schema.codecFor(kind.type).decode(value).object as object),
  );

  it('comes back from protobuf as it was, in the shape of the message definitions', () => {
    const message = root.lookupType(messageName(kind.type));
    fc.assert(
      fc.property(objects, (object) => {
        const bytes = encodeMessage(kind.type, object);
        // The oracle keeps maps in JavaScript's order, so only the length is the same.
        expect(message.encode(message.decode(bytes)).finish()).toHaveLength(bytes.length);
        const back = decodeProtobuf(envelope(groupVersion(kind), kind.kind, bytes));
        expect(schema.codecFor(kind.type).decode(back).object).toEqual(object);
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});

describe('envelopes', () => {
  const unknown = root.lookupType('k8s.io.apimachinery.pkg.runtime.Unknown');

  it('name the kind and leave the encoding empty', () => {
    const bytes = envelope('apps/v1', 'Deployment', Buffer.from([1, 2]));
    expect(bytes.subarray(0, 4).toString()).toBe('k8s\0');
    expect(unknown.decode(bytes.subarray(4)).toJSON()).toEqual({
      typeMeta: { apiVersion: 'apps/v1', kind: 'Deployment' },
      raw: 'AQI=',
      contentEncoding: '',
      contentType: '',
    });
  });

  it('hold lists of any kind and events of a watch', () => {
    const item = encodeMessage('io.k8s.api.core.v1.ConfigMap', { metadata: { name: 'c' } });
    const list = root.lookupType('k8s.io.api.core.v1.ConfigMapList');
    const bytes = encodeList({ resourceVersion: '7', remainingItemCount: 2 }, [item, item]);
    expect(list.decode(bytes).toJSON()).toMatchObject({
      metadata: { resourceVersion: '7', continue: '', remainingItemCount: '2' },
      items: [{ metadata: { name: 'c' } }, { metadata: { name: 'c' } }],
    });
    const frame = encodeWatchEvent('ADDED', Buffer.from('x'));
    expect(frame.readUInt32BE()).toBe(frame.length - 4);
    expect(root.lookupType(`${meta}.WatchEvent`).decode(frame.subarray(4)).toJSON()).toEqual({
      type: 'ADDED',
      object: { raw: Buffer.from('x').toString('base64') },
    });
    const partial = root
      .lookupType(`${meta}.PartialObjectMetadata`)
      .decode(encodeMetadata({ name: 'n' }))
      .toJSON();
    expect(partial).toMatchObject({ metadata: { name: 'n' } });
  });
});
