import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, namespaces } from '../api/generated/resources.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Client, WatchEvent } from '../client/client.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

/** Laws that hold for whatever objects there are, over the whole server in process. */
let server: TestServer;
let admin: Client;
let count = 0;
beforeAll(async () => {
  server = await startTestServer();
  admin = server.admin;
  await admin.create(namespaces, { metadata: { name: 't' } });
});
afterAll(() => server.close());

const runs = { numRuns: 40, seed: 1 };
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const text = fc.constantFrom('1', '2', '3');
const data = fc.dictionary(key, text, { maxKeys: 4, noNullPrototype: true });
const fresh = (): string => `o${++count}`;

interface Data extends KubeObject {
  data?: Record<string, string>;
}

async function apply(name: string, manager: string, config: { data?: object; labels?: object }): Promise<Data> {
  const { labels, ...rest } = config;
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 't', labels }, ...rest };
  const options = { fieldManager: manager, force: true };
  return (await admin.patch(configmaps, { namespace: 't', name }, { type: 'apply', body }, options)) as Data;
}

/** What two objects of different names have in common when nothing else differs. */
const content = ({ data: members, metadata }: Data): unknown => ({
  members,
  labels: metadata.labels,
  owners: metadata.managedFields,
});

describe('apply', () => {
  it('twice is apply once', async () => {
    await fc.assert(
      fc.asyncProperty(data, data, async (members, labels) => {
        const name = fresh();
        const once = await apply(name, 'one', { data: members, labels });
        const twice = await apply(name, 'one', { data: members, labels });
        expect(twice).toEqual(once);
      }),
      runs,
    );
  });

  it('of managers that share nothing comes to the same in either order', async () => {
    // Both have something to say: whoever says nothing owns the empty map, which is shared.
    const split = fc.tuple(data, fc.func(fc.boolean()));
    await fc.assert(
      fc.asyncProperty(split, async ([all, isFirst]) => {
        const part = (wanted: boolean) =>
          Object.fromEntries(Object.entries(all).filter(([name]) => isFirst(name) === wanted));
        fc.pre(Object.keys(part(true)).length > 0 && Object.keys(part(false)).length > 0);
        const [one, other] = [fresh(), fresh()];
        await apply(one, 'x', { data: part(true) });
        const forth = await apply(one, 'y', { data: part(false) });
        await apply(other, 'y', { data: part(false) });
        const back = await apply(other, 'x', { data: part(true) });
        expect(content(back)).toEqual(content(forth));
      }),
      runs,
    );
  });

  it('of less takes away what nobody else wants, and no more', async () => {
    await fc.assert(
      fc.asyncProperty(data, data, data, async (before, after, others) => {
        const name = fresh();
        await apply(name, 'other', { data: others });
        await apply(name, 'one', { data: before });
        const { data: members = {} } = await apply(name, 'one', { data: after });
        expect(members).toMatchObject(after);
        // What was forced from its owner is nobody else's any more.
        const stillTheirs = Object.keys(others).filter((k) => before[k] === undefined || before[k] === others[k]);
        const kept = [...new Set([...stillTheirs, ...Object.keys(after)])].sort();
        expect(Object.keys(members).sort()).toEqual(kept);
      }),
      runs,
    );
  });
});

it('an apply takes the last of its labels away, and leaves the name', async () => {
  const name = fresh();
  await apply(name, 'one', { data: { a: '1' }, labels: { b: '2' } });
  const { metadata, data: members } = await apply(name, 'one', { data: { a: '1' } });
  expect([metadata.name, metadata.labels, members]).toEqual([name, undefined, { a: '1' }]);
});

/** The merge patch (RFC 7386) that makes `b` of `a`, one level deep. */
const difference = (a: Record<string, string>, b: Record<string, string>): Record<string, string | null> => ({
  ...Object.fromEntries(Object.keys(a).map((name) => [name, b[name] ?? null])),
  ...b,
});

it('a merge patch of the difference makes the one of the other', async () => {
  await fc.assert(
    fc.asyncProperty(data, data, async (before, after) => {
      const at = { namespace: 't', name: fresh() };
      await admin.create(configmaps, { metadata: at, data: before });
      for (const type of ['merge', 'strategic'] as const) {
        const forth = await admin.patch(configmaps, at, { type, body: { data: difference(before, after) } });
        expect((forth as Data).data ?? {}).toEqual(after);
        const back = await admin.patch(configmaps, at, { type, body: { data: difference(after, before) } });
        expect((back as Data).data ?? {}).toEqual(before);
      }
    }),
    runs,
  );
});

const step = fc.record({
  action: fc.constantFrom('put', 'delete'),
  name: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
  labels: fc.dictionary(fc.constantFrom('s', 'r'), text, { maxKeys: 2, noNullPrototype: true }),
});

async function take({ action, name, labels }: { action: string; name: string; labels: object }): Promise<void> {
  const at = { namespace: 'w', name };
  const exists = await admin.get(configmaps, at).then(
    () => true,
    () => false,
  );
  if (action === 'delete') return exists ? void (await admin.delete(configmaps, at)) : undefined;
  const object = { metadata: { ...at, labels } };
  await (exists ? admin.update(configmaps, object as never) : admin.create(configmaps, object as never));
}

it('a list and the events since are a later list, also through selectors', async () => {
  await admin.create(namespaces, { metadata: { name: 'w' } });
  const selector = fc.constantFrom('', 's', 's=1', '!s', 's in (1,2),r');
  await fc.assert(
    fc.asyncProperty(selector, fc.array(step, { maxLength: 12 }), async (labelSelector, steps) => {
      const options = { namespace: 'w', labelSelector };
      const first = await admin.list(configmaps, options);
      const known = new Map<string, KubeObject>(first.items.map((item) => [item.metadata.name, item]));
      const handle = admin.watch(
        configmaps,
        { ...options, resourceVersion: first.metadata.resourceVersion },
        {
          events: (events: WatchEvent[]) => {
            for (const { type, object } of events) {
              // What is added was not there, what changes or goes was.
              expect(known.has(object.metadata.name)).toBe(type !== 'ADDED');
              if (type === 'DELETED') known.delete(object.metadata.name);
              else known.set(object.metadata.name, object);
            }
          },
          end: (error) => expect(error).toBeUndefined(),
        },
      );
      for (const each of steps) await take(each);
      const last = await admin.list(configmaps, options);
      handle.stop();
      const byName = [...known.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      expect(byName).toEqual(last.items);
    }),
    runs,
  );
});
