import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs/light.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, namespaces } from '../api/generated/resources.ts';
import { decodeProtobuf } from '../api/schema/protobuf-decode.ts';
import { encodeMessage, envelope } from '../api/schema/protobuf-encode.ts';
import { type RawAnswer, startTestServer, type TestServer } from './replay/server.fake.ts';

const facts = join(import.meta.dirname, '../../facts/proto.json');
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(facts, 'utf8')));
const meta = 'k8s.io.apimachinery.pkg.apis.meta.v1';

const media = 'application/vnd.kubernetes.protobuf';
/** As client-go asks when it prefers protobuf. */
const preferred = `${media},application/json`;
const collection = '/api/v1/namespaces/t/configmaps';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await server.admin.create(configmaps, { metadata: { name: 'a', namespace: 't' }, data: { k: 'v' } });
});
afterAll(() => server.close());

const get = (path: string, accept: string, enough?: (body: Buffer) => boolean): Promise<RawAnswer> =>
  server.send({ method: 'GET', path, headers: { accept }, enough });

/** The message in an envelope, and what the envelope says of it. */
function opened(bytes: Buffer, message: string) {
  const unknown = root.lookupType('k8s.io.apimachinery.pkg.runtime.Unknown');
  expect(bytes.subarray(0, 4).toString('latin1')).toBe('k8s\0');
  const { typeMeta, raw } = unknown.toObject(unknown.decode(bytes.subarray(4))) as { typeMeta: object; raw: Buffer };
  const type = root.lookupType(message);
  return { typeMeta, object: type.toObject(type.decode(raw), { longs: String }) };
}

/** The frames of a watch: four bytes of length, then a WatchEvent. */
function events(bytes: Buffer): { type: string; object: Buffer }[] {
  const found: { type: string; object: Buffer }[] = [];
  const type = root.lookupType(`${meta}.WatchEvent`);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) break;
    const event = type.toObject(type.decode(bytes.subarray(at + 4, at + 4 + length)));
    found.push({ type: event.type, object: Buffer.from(event.object.raw) });
    at += 4 + length;
  }
  return found;
}

describe('protobuf', () => {
  it('carries objects and lists', async () => {
    const one = await get(`${collection}/a`, preferred);
    expect(one.headers['content-type']).toBe(media);
    expect(opened(one.body, 'k8s.io.api.core.v1.ConfigMap')).toMatchObject({
      typeMeta: { apiVersion: 'v1', kind: 'ConfigMap' },
      object: { metadata: { name: 'a', namespace: 't' }, data: { k: 'v' } },
    });
    const list = await get(`${collection}?limit=1`, preferred);
    expect(opened(list.body, 'k8s.io.api.core.v1.ConfigMapList')).toMatchObject({
      typeMeta: { apiVersion: 'v1', kind: 'ConfigMapList' },
      object: { items: [{ metadata: { name: 'a' } }] },
    });
  });

  it('carries watches, bookmarks and what ends them', async () => {
    const watch = `${collection}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    const answer = await get(
      watch,
      `${media};stream=watch,application/json;stream=watch`,
      (b) => events(b).length >= 2,
    );
    expect(answer.headers['content-type']).toBe(`${media};stream=watch`);
    const [added, bookmark] = events(answer.body);
    expect(added?.type).toBe('ADDED');
    expect(decodeProtobuf(added?.object as Buffer)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'a' } });
    expect(bookmark?.type).toBe('BOOKMARK');
    expect(decodeProtobuf(bookmark?.object as Buffer)).toMatchObject({
      kind: 'ConfigMap',
      metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
  });

  it('carries errors, metadata alone and answers of subresources', async () => {
    const missing = await get(`${collection}/no`, preferred);
    expect(missing.status).toBe(404);
    expect(opened(missing.body, `${meta}.Status`)).toMatchObject({
      typeMeta: { apiVersion: 'v1', kind: 'Status' },
      object: { status: 'Failure', reason: 'NotFound', code: 404, details: { name: 'no', kind: 'configmaps' } },
    });
    const partial = await get(`${collection}/a`, `${media};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
    expect(opened(partial.body, `${meta}.PartialObjectMetadata`)).toMatchObject({
      typeMeta: { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' },
      object: { metadata: { name: 'a' } },
    });
    const all = await get(collection, `${media};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`);
    expect(opened(all.body, `${meta}.PartialObjectMetadataList`)).toMatchObject({
      object: { items: [{ metadata: { name: 'a' } }] },
    });
  });

  it('is taken from writers, options of deletions too', async () => {
    const type = 'io.k8s.api.core.v1.ConfigMap';
    const raw = encodeMessage(type, { metadata: { name: 'b' }, data: { x: 'y' } });
    const created = await server.send({
      method: 'POST',
      path: collection,
      headers: { 'content-type': media, accept: preferred },
      body: envelope('v1', 'ConfigMap', raw),
    });
    expect(created.status).toBe(201);
    expect(await server.admin.get(configmaps, { namespace: 't', name: 'b' })).toMatchObject({ data: { x: 'y' } });
    const options = encodeMessage('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', { dryRun: ['All'] });
    const kept = await server.send({
      method: 'DELETE',
      path: `${collection}/b`,
      headers: { 'content-type': media, accept: preferred },
      body: envelope('v1', 'DeleteOptions', options),
    });
    expect(opened(kept.body, `${meta}.Status`).object).toMatchObject({ status: 'Success' });
    expect(await server.admin.get(configmaps, { namespace: 't', name: 'b' })).toMatchObject({ data: { x: 'y' } });
  });

  it('gives way to JSON where a table is asked for, and is refused alone', async () => {
    const table = 'as=Table;g=meta.k8s.io;v=v1';
    const asJson = await get(collection, `${media};${table},application/json;${table}`);
    expect(JSON.parse(asJson.body.toString())).toMatchObject({ kind: 'Table' });
    expect((await get(collection, `${media};${table}`)).status).toBe(406);
  });
});

describe('other encodings', () => {
  it('compress what is large, for clients that are elsewhere', async () => {
    const answer = await server.send({ method: 'GET', path: '/openapi/v2', headers: { 'accept-encoding': 'gzip' } });
    const text = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(answer.body) : answer.body;
    expect(JSON.parse(text.toString())).toMatchObject({ swagger: '2.0' });
  });

  it('tell by an ETag that discovery has not changed', async () => {
    const accept = 'application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList';
    const { etag = '' } = (await get('/apis', accept)).headers;
    const again = await server.send({ method: 'GET', path: '/apis', headers: { accept, 'if-none-match': etag } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it('write objects, lists and errors as YAML', async () => {
    const one = await get(`${collection}/a`, 'application/yaml');
    expect(one.body.toString()).toMatch(/^apiVersion: v1\ndata:\n {2}k: v\nkind: ConfigMap\nmetadata:\n/);
    const error = await get(`${collection}?limit=x`, 'application/yaml');
    expect([error.status, error.headers['content-type']]).toEqual([400, 'application/yaml']);
  });
});
