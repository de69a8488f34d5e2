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
