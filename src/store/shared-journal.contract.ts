import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keysOf, put, remove } from './store.contract.ts';
import type { SharedJournal } from './shared-journal.ts';
import { SharedStore } from './shared-store.ts';
import { StaleError } from './store.ts';
import type { StoreEvent } from './version.ts';

/** What every shared journal promises to several servers. `connect` gives one more way to the same, at first empty, state. */
export function sharedJournalContract(name: string, setUp: () => Promise<() => SharedJournal>): void {
  describe(`${name}: the shared journal contract`, () => {
    let connect: () => SharedJournal;
    const stores: SharedStore[] = [];
    const server = async () => {
      const onFatal = (error: unknown) => {
        throw error;
      };
      const store = await SharedStore.open(connect(), { onFatal });
      stores.push(store);
      return store;
    };
    beforeEach(async () => {
      connect = await setUp();
    });
    afterEach(async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
    });

    it('shows one server what another has acknowledged, once it asks for the newest', async () => {
      const [a, b] = [await server(), await server()];
      for (let i = 0; i < 20; i++) {
        const [written] = await a.commit([put('ns/x', { i: String(i) })]);
        await b.fresh();
        expect(b.get('pods', 'ns/x')).toEqual(written);
      }
    });

    it('lets one of two writers win, whole commits at a time', async () => {
      const [a, b] = [await server(), await server()];
      await a.commit([put('x')]);
      await b.fresh();
      const results = await Promise.allSettled([
        a.commit([put('x', { by: 'a' }), put('only-a')]),
        b.commit([put('x', { by: 'b' }), put('only-b')]),
      ]);
      const lost = results.filter((result) => result.status === 'rejected');
      expect(lost).toHaveLength(1);
      expect(lost[0]?.reason).toBeInstanceOf(StaleError);
      const winner = results[0]?.status === 'fulfilled' ? 'a' : 'b';
      await Promise.all([a.fresh(), b.fresh()]);
      for (const store of [a, b]) {
        expect(store.get('pods', 'x')?.labels).toEqual({ by: winner });
        expect(keysOf(store.list('pods').versions)).toEqual([`only-${winner}`, 'x'].sort());
      }
      // The loser has seen by whom it was beaten: its next try is based on that.
      await (winner === 'a' ? b : a).commit([put('x', { by: 'both' })]);
    });

    it('refuses to make twice or remove twice', async () => {
      const [a, b] = [await server(), await server()];
      const made = await Promise.allSettled([a.commit([put('x')]), b.commit([put('x')])]);
      expect(made.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      await Promise.all([a.fresh(), b.fresh()]);
      const gone = await Promise.allSettled([a.commit([remove('x')]), b.commit([remove('x')])]);
      expect(gone.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    });

    it('tells all watchers the same, in the same order', async () => {
      const [a, b] = [await server(), await server()];
      const events: StoreEvent[][] = [[], []];
      [a, b].forEach((store, i) =>
        store.watch({ resource: 'pods' }, store.revision, (batch) => events[i]?.push(...batch)),
      );
      const write = async (store: SharedStore, i: number) => {
        const key = `k${i % 7}`;
        await store.commit([put(key, { i: String(i) })]).catch((error) => expect(error).toBeInstanceOf(StaleError));
      };
      for (let i = 0; i < 60; i += 2) await Promise.all([write(a, i), write(b, i + 1)]);
      await Promise.all([a.fresh(), b.fresh()]);
      const told = events.map((list) => list.map(({ type, version }) => `${type} ${version.key} ${version.revision}`));
      expect(told[0]).toEqual(told[1]);
      expect(told[0]?.length).toBeGreaterThan(20);
    });

    it('gives a server that starts later the whole state', async () => {
      const a = await server();
      await a.commit(Array.from({ length: 30 }, (_, i) => put(`k${i}`, { i: String(i) })));
      await a.commit([remove('k3'), put('k4', { changed: 'yes' })]);
      const late = await server();
      expect(late.list('pods').versions).toEqual(a.list('pods').versions);
      expect(late.revision).toBeGreaterThanOrEqual(a.revision);
      await late.commit([put('k4', { changed: 'again' })]);
      await vi.waitFor(() => expect(a.get('pods', 'k4')?.labels).toEqual({ changed: 'again' }));
    });
  });
}
