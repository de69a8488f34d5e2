import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isStored } from './registry.ts';
import { mediaTypes } from './negotiate.ts';
import { rootOf } from './openapi/paths.ts';
import { namespacesOf, preparations } from './replay/preparations.ts';
import { modernized, Replay } from './replay/replay.fake.ts';
import { type RawAnswer, startTestServer, type TestServer } from './replay/server.fake.ts';
import { transcript } from './replay/transcript.ts';

/** Objects that a real server took, of every kind that it had: read and written back in each encoding and version. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ serving: { runtimeConfig: { 'api/all': true }, removed: true } });
  const replay = new Replay(server);
  for (const name of new Set(['default', ...Object.values(namespacesOf).flat()])) {
    await replay.prepare('POST', '/api/v1/namespaces', { metadata: { name } });
    await replay.prepare('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  }
  const steps = Object.values(preparations.defaults ?? {}).flat();
  for (const [method, path, body] of steps) if (method === 'POST') await replay.prepare(method, path, body);
  for (const exchange of transcript('defaults').map(modernized))
    if (exchange.request.method === 'POST' && exchange.response.status === 201) await replay.send(exchange);
}, 60_000);
afterAll(() => server.close());

type Json = Record<string, unknown>;
interface Stored {
  path: string;
  /** What it is in its version: many objects of a kind say nothing new. */
  about: string;
}

const json = ({ body }: RawAnswer): Json => JSON.parse(body.toString('utf8')) as Json;
const versionOf = ({ metadata }: Json): unknown => (metadata as Json).resourceVersion;
const get = (path: string, accept: string) => server.send({ method: 'GET', path, headers: { accept } });

/** The server itself writes their status, at any moment. */
const kept = new Set(['apiservices', 'customresourcedefinitions']);

/** Two objects of every kind in every version that can be written. */
async function samples(): Promise<Stored[]> {
  const found: Stored[] = [];
  for (const kind of server.api.context.registry.builtInKinds()) {
    const endpoint = server.api.context.registry.find(kind.group, kind.version, kind.resource);
    if (!endpoint || !isStored(endpoint) || !kind.verbs.includes('update') || kept.has(kind.resource)) continue;
    const { items } = json(await get(`${rootOf(kind)}/${kind.resource}`, mediaTypes.json)) as {
      items: { metadata: { name: string; namespace?: string } }[];
    };
    for (const { metadata } of items.slice(-2)) {
      const inside = metadata.namespace ? `/namespaces/${metadata.namespace}` : '';
      const path = `${rootOf(kind)}${inside}/${kind.resource}/${metadata.name}`;
      found.push({ path, about: `${kind.group}/${kind.version} ${kind.kind}` });
    }
  }
  return found;
}

describe('what is read and written back', () => {
  it('is the same in every encoding and version, and makes no revision', { timeout: 60_000 }, async () => {
    const all = await samples();
    expect(new Set(all.map(({ about }) => about)).size).toBeGreaterThan(65);
    for (const { path, about } of all) {
      const before = versionOf(json(await get(path, mediaTypes.json)));
      for (const type of Object.values(mediaTypes)) {
        const { body } = await get(path, type);
        const answer = await server.send({
          method: 'PUT',
          path,
          headers: { 'content-type': type, accept: mediaTypes.json },
          body,
        });
        const told = answer.status === 200 ? '' : answer.body.toString('utf8');
        expect([about, path, type, answer.status, told]).toEqual([about, path, type, 200, '']);
        expect([about, type, versionOf(json(answer))]).toEqual([about, type, before]);
      }
    }
  });

  it('is the same whatever texts are in it', { timeout: 60_000 }, async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 });
    const awkward = fc.constantFrom(
      'yes',
      '0644',
      '1e3',
      '~',
      'null',
      '- a',
      'a: b',
      "it's",
      '"',
      '\\',
      '\t',
      'a\nb\n',
      '#',
    );
    const key = fc.stringMatching(/^[a-zA-Z0-9._-]{1,8}$/).filter((name) => !/^\.\.?$|^\.\./.test(name));
    const values = fc.dictionary(key, fc.oneof(text, awkward), { maxKeys: 4, noNullPrototype: true });
    const path = '/api/v1/namespaces/default/configmaps';
    let count = 0;
    await fc.assert(
      fc.asyncProperty(values, async (data) => {
        const name = `any-${++count}`;
        const made = await server.send({
          method: 'POST',
          path,
          headers: { 'content-type': mediaTypes.json },
          body: JSON.stringify({ metadata: { name }, data }),
        });
        expect(json(made).data ?? {}).toEqual(data);
        const { resourceVersion } = json(made).metadata as { resourceVersion: string };
        for (const type of Object.values(mediaTypes)) {
          const { body } = await get(`${path}/${name}`, type);
          const headers = { 'content-type': type, accept: mediaTypes.json };
          const again = json(await server.send({ method: 'PUT', path: `${path}/${name}`, headers, body }));
          expect(again.data ?? {}).toEqual(data);
          expect((again.metadata as { resourceVersion: string }).resourceVersion).toBe(resourceVersion);
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

/** What a person would apply of an object: all but what the server keeps, and its status. */
function configOf({ metadata, ...whole }: Json): Json {
  const { status: _status, ...object } = whole;
  const { name, namespace, labels, annotations } = metadata as Json;
  return { ...object, metadata: { name, namespace, labels, annotations } };
}

const patched = async (path: string, type: string, body: unknown): Promise<Json> => {
  const answer = await server.send({
    method: 'PATCH',
    path,
    headers: { 'content-type': type, accept: mediaTypes.json },
    body: JSON.stringify(body),
  });
  expect([path, type, answer.status, answer.status < 300 ? '' : answer.body.toString()]).toEqual([path, type, 200, '']);
  return json(answer);
};

/** An object without what each write of it changes. */
function content({ metadata, ...object }: Json): Json {
  const { resourceVersion: _r, managedFields: _m, generation: _g, ...kept } = metadata as Json;
  return { ...object, metadata: kept };
}

describe('of every kind in every version', () => {
  const apply = 'application/apply-patch+yaml';

  it('what is applied twice is applied once', { timeout: 120_000 }, async () => {
    for (const { path } of await samples()) {
      const config = configOf(json(await get(path, mediaTypes.json)));
      const at = `${path}?fieldManager=law&force=true`;
      const once = await patched(at, apply, config);
      expect([path, await patched(at, apply, config)]).toEqual([path, once]);
    }
  });

  it('managers that share nothing come to the same in either order', { timeout: 120_000 }, async () => {
    const part = ({ apiVersion, kind, metadata }: Json, own: Json): Json => {
      const { name, namespace } = metadata as Json;
      return { apiVersion, kind, metadata: { name, namespace, ...own } };
    };
    for (const { path } of await samples()) {
      const object = json(await get(path, mediaTypes.json));
      const one = [`${path}?fieldManager=one`, { labels: { 'law.io/one': '1' } }] as const;
      const other = [`${path}?fieldManager=other`, { annotations: { 'law.io/other': '2' } }] as const;
      const ends: Json[] = [];
      for (const order of [
        [one, other],
        [other, one],
      ]) {
        for (const [at, own] of order) await patched(at, apply, part(object, own));
        ends.push(content(json(await get(path, mediaTypes.json))));
        for (const [at] of order) await patched(at, apply, part(object, {}));
        // Who owns nothing any more leaves nothing behind.
        expect([path, content(json(await get(path, mediaTypes.json)))]).toEqual([path, content(object)]);
      }
      expect([path, ends[1]]).toEqual([path, ends[0]]);
    }
  });

  it('a merge patch and the one that takes it back leave what was there', { timeout: 120_000 }, async () => {
    const merge = 'application/merge-patch+json';
    for (const { path } of await samples()) {
      const before = json(await get(path, mediaTypes.json));
      const forth = await patched(path, merge, { metadata: { labels: { 'law.io/a': 'b' } } });
      expect((forth.metadata as Json).labels).toMatchObject({ 'law.io/a': 'b' });
      const back = await patched(path, merge, { metadata: { labels: { 'law.io/a': null } } });
      expect([path, content(back)]).toEqual([path, content(before)]);
    }
  });
});
