import { expect, it } from 'vitest';
import { configmaps } from '../api/generated/resources.ts';
import { nextTurn } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from '../client/fake.ts';
import { informersFor } from '../client/informers.ts';
import { createClient } from '../client/typed-client.ts';
import { ControllerLoop, defineController, inBatches } from './runtime.ts';

/** A controller of three objects, on a clock that lets `pause` say when others have their turn. */
async function setUp(pause: () => Promise<void> | undefined, sizeOf: (key: string) => number = () => 0) {
  const driven = new VirtualClock();
  const clock = { now: () => driven.now(), after: driven.after.bind(driven), giveWay: pause };
  const rng = seededRng(1);
  const client = createClient(new FakeTransport({ clock, rng }));
  for (const name of ['a', 'b', 'c']) await client.create(configmaps, { metadata: { name, namespace: 'ns' } });
  const done: string[] = [];
  const definition = defineController({
    name: 'test.one',
    workers: 1,
    setup: ({ informer }) => ({
      watches: [inBatches({ informer: informer(configmaps), keysOf: ({ metadata }) => [metadata.name] }, sizeOf)],
      async reconcile(key) {
        done.push(key);
        return {};
      },
    }),
  });
  const informers = informersFor(client, { clock, rng, log: silentLog });
  const recorder = { event: () => {} } as never;
  const loop = new ControllerLoop({ client, informers, recorder, clock, rng, log: silentLog }, definition);
  informers.start();
  await loop.synced;
  return { loop, done, client, driven };
}

it('gives way between two keys', async () => {
  let pauses = 0;
  const { loop, done } = await setUp(() => (++pauses > 3 ? nextTurn() : undefined));
  expect(done).toEqual([]);
  await nextTurn();
  expect(done.length).toBeLessThan(3);
  await expect.poll(() => done).toEqual(['a', 'b', 'c']);
  loop.stop();
});

it('does nothing any more once it is stopped, although it held a key', async () => {
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  let asked = 0;
  const { loop, done } = await setUp(() => (++asked > 3 ? held : undefined));
  await nextTurn();
  loop.stop();
  go();
  await nextTurn();
  expect(done).toEqual([]);
});

it('looks at once at what has few, and at what has many only when more of them may have changed', async () => {
  const { loop, done, client, driven } = await setUp(
    () => undefined,
    (key) => ({ a: 9, b: 500, c: 1_000_000 })[key] ?? 0,
  );
  const touch = (name: string, value: string) =>
    client.patch(configmaps, { namespace: 'ns', name }, { type: 'merge', body: { data: { value } } });
  await driven.advance(1000);
  done.length = 0;
  for (const name of ['a', 'b', 'c']) await touch(name, '1');
  await driven.advance(0);
  expect(done).toEqual(['a']);
  await driven.advance(49);
  await touch('b', '2');
  expect(done).toEqual(['a']);
  await driven.advance(1);
  expect(done).toEqual(['a', 'b']);
  await driven.advance(949);
  expect(done).toEqual(['a', 'b']);
  await driven.advance(1);
  expect(done).toEqual(['a', 'b', 'c']);
  loop.stop();
});
