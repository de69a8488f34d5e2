import { expect, it } from 'vitest';
import { nextTurn } from '../base/clock.ts';
import type { StoreEvent, Version } from './version.ts';
import { Watchers } from './watchers.ts';

const version = (key: string, revision: number): Version => ({
  resource: 'pods',
  key,
  revision,
  uid: key,
  labels: undefined,
  fields: undefined,
  bytes: Buffer.alloc(0),
});
const added = (key: string, revision: number): StoreEvent => ({
  type: 'ADDED',
  version: version(key, revision),
  previous: undefined,
});

function recorder(watchers: Watchers, namespace?: string): string[][] {
  const seen: string[][] = [];
  watchers.add({ resource: 'pods', ...(namespace ? { namespace } : {}) }, (events) =>
    seen.push(events.map((event) => event.version.key)),
  );
  return seen;
}

it('tells each watcher its own events of a commit, in order and at once, also where others see fewer', () => {
  const watchers = new Watchers();
  const [one, all, two, again] = [
    recorder(watchers, 'x'),
    recorder(watchers),
    recorder(watchers, 'y'),
    recorder(watchers),
  ];
  watchers.publish([added('x/a', 1), added('y/b', 2), added('y/c', 3)]);
  watchers.publish([added('x/d', 4)]);
  expect(one).toEqual([['x/a'], ['x/d']]);
  expect(two).toEqual([['y/b', 'y/c']]);
  for (const seen of [all, again]) expect(seen).toEqual([['x/a', 'y/b', 'y/c'], ['x/d']]);
});

it('does not tell who came or went while it was told', () => {
  const watchers = new Watchers();
  const late: string[][][] = [];
  const stops: (() => void)[] = [];
  watchers.add({ resource: 'pods' }, () => {
    late.push(recorder(watchers));
    for (const stop of stops) stop();
  });
  const gone: string[] = [];
  stops.push(watchers.add({ resource: 'pods' }, ([event]) => gone.push(event?.version.key ?? '')));
  watchers.publish([added('x/a', 1)]);
  expect(late).toEqual([[]]);
  expect(gone).toEqual([]);
});

it('tells thousands in turns, each everything in order, and all of them at once when asked', async () => {
  const watchers = new Watchers();
  const seen = Array.from({ length: 2500 }, () => recorder(watchers));
  const told = () => seen.filter((calls) => calls.length > 0).length;
  watchers.publish([added('x/a', 1)]);
  expect(told()).toBe(1000);
  watchers.publish([added('x/b', 2)]);
  expect(told()).toBe(1000);
  await nextTurn();
  expect(told()).toBe(2000);
  watchers.publish([added('x/c', 3)]);
  watchers.tellAll();
  for (const calls of seen) expect(calls.flat()).toEqual(['x/a', 'x/b', 'x/c']);
  expect(seen.at(-1)).toEqual([['x/a', 'x/b', 'x/c']]);
  watchers.publish([added('x/d', 4)]);
  await nextTurn();
  await nextTurn();
  for (const calls of seen) expect(calls.flat()).toEqual(['x/a', 'x/b', 'x/c', 'x/d']);
});

it.each([{ namespace: 'x' }, { index: { field: 'metadata.name', value: 'a' } }])(
  'a watch that is stopped twice takes nothing from the next one of its sort: %j',
  (narrowed) => {
    const watchers = new Watchers();
    const stop = watchers.add({ resource: 'pods', ...narrowed }, () => {});
    stop();
    const seen: string[] = [];
    watchers.add({ resource: 'pods', ...narrowed }, ([event]) => seen.push(event?.version.key ?? ''));
    stop();
    watchers.publish([added('x/a', 1)]);
    expect(seen).toEqual(['x/a']);
  },
);
