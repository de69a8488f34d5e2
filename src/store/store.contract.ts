import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../base/rng.ts';
import type { Store, Write } from './store.ts';
import { type StoreEvent, toBytes, type Version } from './version.ts';

export const put = (key: string, labels: Record<string, string> = {}, resource = 'pods'): Write => ({
  put: {
    resource,
    key,
    encode: (revision) => ({
      uid: key,
      labels,
      fields: { 'spec.nodeName': labels.node ?? '' },
      bytes: toBytes(
        `{"metadata":{"name":"${key}","resourceVersion":"${revision}","labels":${JSON.stringify(labels)}}}`,
      ),
    }),
  },
});
export const remove = (key: string): Write => ({ remove: { resource: 'pods', key } });
export const keysOf = (versions: readonly Version[]): string[] => versions.map((version) => version.key);
const seen = (events: readonly StoreEvent[]) => events.map(({ type, version }) => `${type} ${version.key}`);
const metadataIn = (version: Version | undefined) => JSON.parse(version?.bytes.toString() ?? '{}').metadata;

/** What every store promises; `open` gives an empty one. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name}: the store contract`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('gives each commit a higher revision, the same in header and bytes, and shows it to readers', async () => {
      const [first] = await store.commit([put('ns/a')]);
      const [second] = await store.commit([put('ns/a', { again: 'yes' })]);
      expect(second?.revision).toBeGreaterThan(first?.revision as number);
      for (const version of [first, second])
        expect(metadataIn(version).resourceVersion).toBe(String(version?.revision));
      expect(store.get('pods', 'ns/a')).toEqual(second);
      expect(store.head('pods', 'ns/a')).toEqual(second);
      expect(store.revision).toBeGreaterThanOrEqual(second?.revision as number);
      expect({ count: store.count('pods'), all: keysOf([...store.all('pods')]) }).toEqual({ count: 1, all: ['ns/a'] });
    });

    it('lists in pages at one revision while the world moves on', async () => {
      await store.commit(['b', 'd', 'f', 'h'].map((key) => put(`ns/${key}`)));
      const first = store.list('pods', { namespace: 'ns', limit: 2 });
      expect({ keys: keysOf(first.versions), remaining: first.remaining }).toEqual({
        keys: ['ns/b', 'ns/d'],
        remaining: 2,
      });
      const before = store.list('pods', { namespace: 'ns', after: 'ns/d' }).versions;
      await store.commit([put('ns/e'), remove('ns/f'), put('ns/h', { changed: 'yes' }), put('other/g')]);
      const rest = store.list('pods', { namespace: 'ns', after: 'ns/d', revision: first.revision });
      expect(rest.versions).toEqual(before);
      expect(keysOf(rest.versions)).toEqual(['ns/f', 'ns/h']);
      expect(keysOf(store.list('pods', { namespace: 'ns' }).versions)).toEqual(['ns/b', 'ns/d', 'ns/e', 'ns/h']);
    });

    it('gives deletions the revision at which they happened, in the bytes, too', async () => {
      const events: StoreEvent[] = [];
      store.watch({ resource: 'pods' }, store.revision, (batch) => events.push(...batch));
      const [made] = await store.commit([put('a', { text: '"resourceVersion":"1"' })]);
      const [gone] = await store.commit([remove('a')]);
      expect(seen(events)).toEqual(['ADDED a', 'DELETED a']);
      expect(gone?.revision).toBeGreaterThan(made?.revision as number);
      expect(events[1]?.version).toEqual(gone);
      expect(metadataIn(gone)).toMatchObject({
        resourceVersion: String(gone?.revision),
        labels: { text: '"resourceVersion":"1"' },
      });
      expect(store.get('pods', 'a')).toBeUndefined();
    });

    it('tells watchers with selectors of objects that enter and leave', async () => {
      const events: StoreEvent[] = [];
      const matches = (version: Version) => version.labels?.app === 'x';
      store.watch({ resource: 'pods', matches }, store.revision, (batch) => events.push(...batch));
      await store.commit([put('a')]);
      await store.commit([put('a', { app: 'x' })]);
      await store.commit([put('a', { app: 'x', more: '1' })]);
      const [left] = await store.commit([put('a', { app: 'y' })]);
      await store.commit([put('a', { app: 'x' })]);
      await store.commit([remove('a')]);
      expect(seen(events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a']);
      expect(events[2]?.version).toMatchObject({ labels: { app: 'x', more: '1' }, revision: left?.revision });
    });

    it('resumes a watch with what was missed, once and in order', async () => {
      const [first] = await store.commit([put('a')]);
      await store.commit([put('b')]);
      await store.commit([remove('a')]);
      const events: StoreEvent[] = [];
      store.watch({ resource: 'pods' }, first?.revision as number, (batch) => events.push(...batch));
      await store.commit([put('c')]);
      expect(seen(events)).toEqual(['ADDED b', 'DELETED a', 'ADDED c']);
    });

    it('a watch over a list equals a later list, for any writes and selectors', async () => {
      const rng = seededRng(7);
      const pick = <T>(items: T[]): T => items[Math.floor(rng.next() * items.length)] as T;
      const queries = [
        { resource: 'pods' },
        { resource: 'pods', namespace: 'n1' },
        { resource: 'pods', matches: (v: Version) => v.labels?.app === 'x' },
        {
          resource: 'pods',
          index: { field: 'spec.nodeName', value: 'k' },
          matches: (v: Version) => v.fields?.['spec.nodeName'] === 'k',
        },
        {
          resource: 'pods',
          namespace: 'n2',
          index: { field: 'metadata.name', value: 'a' },
          matches: (v: Version) => v.key.endsWith('/a'),
        },
      ];
      const views = queries.map((query) => {
        const view = new Map<string, number>();
        store.watch(query, store.revision, (events) => {
          for (const { type, version } of events) {
            if (type === 'DELETED') expect(view.delete(version.key)).toBe(true);
            else {
              expect(view.has(version.key)).toBe(type === 'MODIFIED');
              view.set(version.key, version.revision);
            }
          }
        });
        return view;
      });
      for (let i = 0; i < 500; i++) {
        const key = `${pick(['n1', 'n2'])}/${pick(['a', 'b', 'c'])}`;
        const exists = store.head('pods', key) !== undefined;
        const labels = { app: pick(['x', 'y']), node: pick(['k', 'l']) };
        const write = exists && rng.next() < 0.3 ? remove(key) : put(key, labels);
        // Writers that do not wait for each other: one may lose to the other, and then has changed nothing.
        const done = store.commit([write]).catch((error: Error) => expect(error.name).toBe('StaleError'));
        if (rng.next() < 0.5) await done;
      }
      await store.commit([put('n1/last')]);
      queries.forEach((query, i) => {
        const listed = store.list('pods', query).versions.map((v) => [v.key, v.revision]);
        expect([...(views[i] as Map<string, number>)].sort()).toEqual(listed);
      });
    });
  });
}
