import { describe, expect, it } from 'vitest';
import type { Change, Journal } from './journal.ts';
import { toBytes, type Version } from './version.ts';

const version = (key: string, revision: number, text = `${key}@${revision}`): Version => ({
  resource: 'configmaps',
  key,
  revision,
  uid: `uid-${key}`,
  labels: { key },
  fields: undefined,
  bytes: toBytes(text),
});
const put = (key: string, revision: number, previous?: number): Change => ({
  version: version(key, revision),
  deleted: false,
  previous,
});
const remove = (key: string, revision: number, previous: number): Change => ({
  ...put(key, revision, previous),
  deleted: true,
});
const noTrim = { compacted: 0, drop: [] };

/** What every journal promises; `open` opens the same state each time it is called, until the test ends. */
export function journalContract(name: string, open: () => Promise<Journal>): void {
  describe(`${name}: the journal contract`, () => {
    async function reopened(journal: Journal) {
      await journal.close();
      const again = await open();
      const loaded = await again.load();
      const state = {
        revision: loaded.revision,
        compacted: loaded.compacted,
        current: [...loaded.current].map((v) => [v.key, v.revision, v.bytes.toString()]).sort(),
        events: [...loaded.events].map((e) => [e.type, e.version.key, e.version.revision, e.previous?.revision]),
      };
      return { journal: again, state, loaded };
    }

    it('is empty at first, and gives back what was appended, with the history', async () => {
      const first = await open();
      expect([...(await first.load()).current]).toEqual([]);
      await first.append([put('a', 1), put('b', 2)], noTrim);
      await first.append([put('a', 3, 1), remove('b', 4, 2)], noTrim);
      const { journal, state, loaded } = await reopened(first);
      expect(state).toEqual({
        revision: 4,
        compacted: 0,
        current: [['a', 3, 'a@3']],
        events: [
          ['ADDED', 'a', 1, undefined],
          ['ADDED', 'b', 2, undefined],
          ['MODIFIED', 'a', 3, 1],
          ['DELETED', 'b', 4, 2],
        ],
      });
      expect([...loaded.current][0]).toMatchObject({ uid: 'uid-a', labels: { key: 'a' } });
      await journal.close();
    });

    it('forgets what is trimmed and nothing else', async () => {
      const first = await open();
      await first.load();
      await first.append([put('c', 10), put('d', 11)], noTrim);
      await first.append([put('c', 12, 10), remove('d', 13, 11)], noTrim);
      await first.append([put('e', 14)], { compacted: 13, drop: [10, 11, 13] });
      const { journal, state } = await reopened(first);
      expect(state.compacted).toBe(13);
      expect(state.events).toEqual([['ADDED', 'e', 14, undefined]]);
      expect(state.current.map(([key]) => key)).toEqual(expect.arrayContaining(['c', 'e']));
      expect(state.current.map(([key]) => key)).not.toContain('d');
      await journal.close();
    });

    it('remembers the newest revision although its object is gone and trimmed', async () => {
      const first = await open();
      await first.load();
      await first.append([put('f', 20)], noTrim);
      await first.append([remove('f', 21, 20)], noTrim);
      await first.append([], { compacted: 21, drop: [20, 21] });
      const { journal, state } = await reopened(first);
      expect(state.revision).toBe(21);
      await journal.close();
    });
  });
}
