import { describe, expect, it } from 'vitest';
import type { Change, Journal, Trim } from './journal.ts';
import { MemoryJournal } from './memory-journal.ts';
import { CompactedError } from './replica.ts';
import { LocalStore } from './local-store.ts';
import { keysOf, put, storeContract } from './store.contract.ts';
import type { StoreEvent } from './version.ts';

const fatal = (error: unknown) => {
  throw error;
};
const seen = (events: StoreEvent[]) => events.map(({ type, version }) => `${type} ${version.key}@${version.revision}`);

async function storeWith(journal: Journal = new MemoryJournal(), windowBytes?: number): Promise<LocalStore> {
  return LocalStore.open(journal, { onFatal: fatal, windowBytes });
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

storeContract('LocalStore', () => storeWith());

describe('LocalStore', () => {
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
    expect(keysOf(store.list('pods').versions)).toEqual(['ns/a', 'ns/b', 'ns/c', 'ns/d']);
  });

  it('acknowledges nothing after a failed flush and says so once', async () => {
    const errors: unknown[] = [];
    const journal = new MemoryJournal();
    journal.append = async () => {
      throw new Error('no space');
    };
    const store = await LocalStore.open(journal, { onFatal: (error) => errors.push(error) });
    let settled = false;
    const done = () => (settled = true);
    void store.commit([put('a')]).then(done, done);
    await turn();
    void store.commit([put('b')]).then(done, done);
    await turn();
    expect({ settled, errors: errors.length }).toEqual({ settled: false, errors: 1 });
    expect(store.get('pods', 'a')).toBeUndefined();
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
});
