import { expect, it } from 'vitest';
import { nextTurn } from '../../base/clock.ts';
import { seededRng } from '../../base/rng.ts';
import { LocalStore } from '../../store/local-store.ts';
import { MemoryJournal } from '../../store/memory-journal.ts';
import { put } from '../../store/store.contract.ts';
import type { ApiContext } from '../context.ts';
import { asStored } from '../representation.ts';
import type { ApiRequest } from '../request.ts';
import { watch } from './watch.ts';

/** Thousands are told in turns. Who is told how far the store has come, and resumes from there, must have seen all of it. */
it('a bookmark comes after everything that it stands for, also where a watch has not had its turn', async () => {
  const onFatal = (error: unknown) => {
    throw error;
  };
  const store = await LocalStore.open(new MemoryJournal(), { onFatal });
  let tellLast = () => {};
  const clock = {
    now: () => 0,
    after: (ms: number, run: () => void) => {
      // Bookmarks come long before the first watch ends.
      if (ms < 100_000) tellLast = run;
      return () => {};
    },
  };
  const context = { store, clock, longRunning: new Map(), rng: seededRng(1) } as unknown as ApiContext;
  const request = {
    endpoint: { resource: 'pods', representation: asStored },
    query: new URLSearchParams('watch=1&resourceVersion=1&allowWatchBookmarks=true'),
    namespace: '',
    name: '',
  } as unknown as ApiRequest;
  await store.commit([put('ns/a')]);
  const told: string[] = [];
  for (let i = 0; i < 1500; i++) {
    const answer = watch(context, request);
    if (answer.type !== 'watch') throw new Error('not a watch');
    const note = (text: string) => void (i === 1499 && told.push(text));
    answer.start({
      events: (events) => note(events.map(({ version }) => version.key).join(' ')),
      bookmark: (revision) => note(`bookmark ${revision}`),
      end: () => note('end'),
    });
  }
  await store.commit([put('ns/b')]);
  expect(told).toEqual([]);
  tellLast();
  expect(told).toEqual(['ns/b', `bookmark ${store.revision}`]);
  await nextTurn();
  expect(told).toHaveLength(2);
});
