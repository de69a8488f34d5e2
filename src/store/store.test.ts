import { describe, expect, it } from 'vitest';
import { seededRng } from '../base/rng.ts';
import type { Change, Journal, Trim } from './journal.ts';
import { MemoryJournal } from './memory-journal.ts';
import { CompactedError } from './replica.ts';
import { Store, type Write } from './store.ts';
import { type StoreEvent, toBytes, type Version } from './version.ts';

const put = (key: string, labels: Record<string, string> = {}, resource = 'pods'): Write => ({
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
const remove = (key: string): Write => ({ remove: { resource: 'pods', key } });
const fatal = (error: unknown) => {
  throw error;
};
const keys = (versions: Version[]) => versions.map((version) => version.key);
const seen = (events: StoreEvent[]) => events.map(({ type, version }) => `${type} ${version.key}@${version.revision}`);

async function storeWith(journal: Journal = new MemoryJournal(), windowBytes?: number): Promise<Store> {
  return Store.open(journal, { onFatal: fatal, windowBytes });
}

/** A journal whose flushes end when the test says so. */
class HeldJournal extends MemoryJournal {
  groups: number[] = [];
  release: () => void = () => {};

  override async append(changes: readonly Change[], trim: Trim): Promise<void> {
    this.groups.push(changes.length);
    await new Promise<void>((resolve) => {
      this.release = resolve;
    });
    await super.append(changes, trim);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Store', () => {
  it('shows a write to writers at once and to readers when it is on disk; writes meanwhile share the next flush', async () => {
    const journal = new HeldJournal();
    const store = await storeWith(journal);
    let acknowledged = 0;
    const write = (key: string) => store.commit([put(key)]).then(() => acknowledged++);
    const all = [write('ns/a'), write('ns/b')];
    expect(store.head('pods', 'ns/a')?.revision).toBe(1);
    expect(store.get('pods', 'ns/a')).toBeUndefined();
    await turn();
    all.push(write('ns/c'), write('ns/d'));
    await turn();
    expect({ groups: journal.groups, acknowledged, revision: store.revision }).toEqual({
      groups: [2],
      acknowledged: 0,
      revision: 0,
    });
    journal.release();
    await turn();
    expect({ groups: journal.groups, acknowledged, revision: store.revision }).toEqual({
      groups: [2, 2],
      acknowledged: 2,
      revision: 2,
    });
    journal.release();
    await Promise.all(all);
    expect(keys(store.list('pods').versions)).toEqual(['ns/a', 'ns/b', 'ns/c', 'ns/d']);
  });

  it('acknowledges nothing after a failed flush and says so once', async () => {
    const errors: unknown[] = [];
    const journal = new MemoryJournal();
    journal.append = async () => {
      throw new Error('no space');
    };
    const store = await Store.open(journal, { onFatal: (error) => errors.push(error) });
    let settled = false;
    const done = () => (settled = true);
    void store.commit([put('a')]).then(done, done);
    await turn();
    void store.commit([put('b')]).then(done, done);
    await turn();
    expect({ settled, errors: errors.length }).toEqual({ settled: false, errors: 1 });
    expect(store.get('pods', 'a')).toBeUndefined();
  });

  it('lists in pages at one revision while the world moves on', async () => {
    const store = await storeWith();
    await store.commit(['b', 'd', 'f', 'h'].map((name) => put(`ns/${name}`)));
    const first = store.list('pods', { namespace: 'ns', limit: 2 });
    expect({ keys: keys(first.versions), remaining: first.remaining }).toEqual({
      keys: ['ns/b', 'ns/d'],
      remaining: 2,
    });
    await store.commit([put('ns/e'), remove('ns/f'), put('ns/h', { changed: 'yes' }), put('other/g')]);
    const rest = store.list('pods', { namespace: 'ns', after: 'ns/d', revision: first.revision });
    expect(rest.versions.map((v) => `${v.key}@${v.revision}`)).toEqual(['ns/f@3', 'ns/h@4']);
    expect(keys(store.list('pods', { namespace: 'ns' }).versions)).toEqual(['ns/b', 'ns/d', 'ns/e', 'ns/h']);
  });

  it('gives deletions the revision at which they happened, in the bytes, too', async () => {
    const store = await storeWith();
    const events: StoreEvent[] = [];
    store.watch({ resource: 'pods' }, 0, (batch) => events.push(...batch));
    await store.commit([put('a', { text: '"resourceVersion":"1"' })]);
    await store.commit([remove('a')]);
    expect(JSON.parse(events[1]?.version.bytes.toString() ?? '').metadata.resourceVersion).toBe('2');
    expect(JSON.parse(events[1]?.version.bytes.toString() ?? '').metadata.labels.text).toBe('"resourceVersion":"1"');
  });

  it('tells watchers with selectors of objects that enter and leave', async () => {
    const store = await storeWith();
    const events: StoreEvent[] = [];
    const matches = (version: Version) => version.labels?.app === 'x';
    store.watch({ resource: 'pods', matches }, 0, (batch) => events.push(...batch));
    await store.commit([put('a')]);
    await store.commit([put('a', { app: 'x' })]);
    await store.commit([put('a', { app: 'x', more: '1' })]);
    await store.commit([put('a', { app: 'y' })]);
    await store.commit([put('a', { app: 'x' })]);
    await store.commit([remove('a')]);
    expect(seen(events)).toEqual(['ADDED a@2', 'MODIFIED a@3', 'DELETED a@4', 'ADDED a@5', 'DELETED a@6']);
    expect(events[2]?.version.labels).toEqual({ app: 'x', more: '1' });
  });

  it('resumes a watch after a restart, and refuses when the window has moved on', async () => {
    const journal = new MemoryJournal();
    const first = await storeWith(journal, 10_000);
    for (let i = 0; i < 5; i++) await first.commit([put('a', { i: String(i) })]);
    const second = await storeWith(journal, 10_000);
    const events: StoreEvent[] = [];
    second.watch({ resource: 'pods' }, 2, (batch) => events.push(...batch));
    expect(seen(events)).toEqual(['MODIFIED a@3', 'MODIFIED a@4', 'MODIFIED a@5']);
    for (let i = 0; i < 50; i++) await second.commit([put('a', { i: String(i) })]);
    expect(() => second.watch({ resource: 'pods' }, 2, () => {})).toThrow(CompactedError);
    const third = await storeWith(journal, 10_000);
    expect(third.compacted).toBeGreaterThan(5);
    expect(third.get('pods', 'a')?.revision).toBe(55);
  });

  it('a watch over a list equals a later list, for any writes and selectors', async () => {
    const rng = seededRng(7);
    const pick = <T>(items: T[]): T => items[Math.floor(rng.next() * items.length)] as T;
    const store = await storeWith(new MemoryJournal(), 40_000);
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
    for (let i = 0; i < 2000; i++) {
      const key = `${pick(['n1', 'n2'])}/${pick(['a', 'b', 'c'])}`;
      const exists = store.head('pods', key) !== undefined;
      const write =
        exists && rng.next() < 0.3 ? remove(key) : put(key, { app: pick(['x', 'y']), node: pick(['k', 'l']) });
      const done = store.commit([write]);
      if (rng.next() < 0.5) await done;
    }
    await store.commit([put('n1/last')]);
    queries.forEach((query, i) => {
      const listed = store.list('pods', query).versions.map((v) => [v.key, v.revision]);
      expect([...(views[i] as Map<string, number>)].sort()).toEqual(listed);
    });
  });
});
