import { describe, expect, it } from 'vitest';
import { configmaps } from '../api/generated/resources.ts';
import type { ConfigMap } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { nextTurn } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from './fake.ts';
import { Informer } from './informer.ts';
import { informersFor } from './informers.ts';
import { createClient } from './typed-client.ts';

function setUp() {
  const clock = new VirtualClock();
  const rng = seededRng(3);
  const transport = new FakeTransport({ clock, rng });
  const client = createClient(transport);
  const informer = new Informer({ client, clock, rng, log: silentLog }, configmaps);
  const seen: string[] = [];
  informer.addHandler({
    added: (o) => seen.push(`+${o.metadata.name}`),
    updated: (old, o) => seen.push(`${old.data?.n}>${o.data?.n}`),
    deleted: (o) => seen.push(`-${o.metadata.name}`),
  });
  const make = (name: string, n = '1') =>
    client.create(configmaps, { metadata: { name, namespace: 'ns' }, data: { n } });
  return { clock, rng, transport, client, informer, seen, make };
}

describe('Informer', () => {
  it('lists, then follows', async () => {
    const { informer, seen, make, client } = setUp();
    const a = await make('a');
    informer.start();
    await informer.synced;
    const b = await make('b');
    await client.update(configmaps, { ...a, data: { n: '2' } });
    await client.delete(configmaps, { namespace: 'ns', name: 'b' });
    await informer.waitUntil(() => !informer.get('ns/b') && seen.length > 2);
    expect(seen).toEqual(['+a', '+b', '1>2', '-b']);
    expect(informer.list('ns').map((o) => o.metadata.name)).toEqual(['a']);
    expect(informer.list('other')).toEqual([]);
    expect(b.metadata.name).toBe('b');
  });

  it('waits until it has seen a version', async () => {
    const { informer, make, transport, clock } = setUp();
    informer.start();
    await informer.synced;
    transport.watchDelayMs = 50;
    const { metadata } = await make('mine');
    expect(informer.get('ns/mine')).toBeUndefined();
    const seen = informer.waitFor(metadata.resourceVersion ?? '');
    await clock.advance(50);
    await seen;
    expect(informer.get('ns/mine')?.metadata.uid).toBe(metadata.uid);
  });

  it('takes a long list in with pauses, and misses nothing of what happens meanwhile', async () => {
    const { clock, client, rng, make } = setUp();
    const slow = Array.from({ length: 1200 }, (_, i) => make(`old-${i}`));
    await Promise.all(slow);
    let [asked, pauses] = [0, 0];
    const giveWay = () => (++asked % 500 === 0 ? pause() : undefined);
    const pause = async () => {
      if (pauses++ === 0)
        await Promise.all([make('new'), client.delete(configmaps, { namespace: 'ns', name: 'old-9' })]);
      await nextTurn();
    };
    const after = clock.after.bind(clock);
    const patient = { now: () => clock.now(), after, giveWay };
    const informer = new Informer({ client, clock: patient, rng, log: silentLog }, configmaps);
    const sizes: number[] = [];
    informer.addHandler({ added: () => void sizes.push(informer.size) });
    informer.start();
    await informer.synced;
    expect(pauses).toBe(2);
    expect(informer.size).toBe(1200);
    await informer.waitUntil(() => informer.get('ns/new') !== undefined && !informer.get('ns/old-9'));
    expect(informer.size).toBe(1200);
    expect(sizes).toHaveLength(1201);
  });

  it('stops in the middle of a long list', async () => {
    const { clock, client, rng, make } = setUp();
    await Promise.all(Array.from({ length: 600 }, (_, i) => make(`old-${i}`)));
    const after = clock.after.bind(clock);
    let asked = 0;
    const stop = async (): Promise<void> => informer.stop();
    const giveWay = () => (++asked === 500 ? stop() : undefined);
    const patient = { now: () => clock.now(), after, giveWay };
    const informer: Informer = new Informer({ client, clock: patient, rng, log: silentLog }, configmaps);
    informer.start();
    await informer.waitUntil(() => informer.isSynced);
    await nextTurn();
    expect(informer.isSynced).toBe(false);
    expect(informer.size).toBe(500);
  });

  it('keeps its cache when an index or a handler fails', async () => {
    const { informer, make, seen } = setUp();
    informer.addIndex('broken', () => {
      throw new Error('a fault in an index');
    });
    informer.addHandler({
      added: () => {
        throw new Error('a fault in a handler');
      },
    });
    informer.start();
    await informer.synced;
    await make('a');
    await informer.waitUntil(() => Boolean(informer.get('ns/a')));
    await make('b');
    await informer.waitUntil(() => Boolean(informer.get('ns/b')));
    expect(seen).toEqual(['+a', '+b']);
  });

  it('keeps indexes current', async () => {
    const { informer, make, client } = setUp();
    informer.addIndex('n', (o: ConfigMap) => [o.data?.n ?? '']);
    informer.start();
    await informer.synced;
    const a = await make('a', 'x');
    const b = await client.update(configmaps, { ...a, data: { n: 'y' } });
    await informer.waitFor(b.metadata.resourceVersion ?? '');
    expect([informer.index('n', 'x').length, informer.index('n', 'y').length]).toEqual([0, 1]);
    expect(() => informer.index('none', '')).toThrow('has no index none');
  });

  it('resumes after a lost watch and lists again after 410, telling handlers only the difference', async () => {
    const { informer, seen, make, transport, client, clock } = setUp();
    informer.start();
    await make('a');
    await make('b');
    await informer.waitUntil(() => informer.size === 2);
    transport.cutWatches();
    await client.delete(configmaps, { namespace: 'ns', name: 'a' });
    await make('c');
    transport.compact();
    await clock.advance(1000);
    expect(seen).toEqual(['+a', '+b', '+c', '-a']);
  });

  it('backs off while the server is away, and asks nothing when idle', async () => {
    const { informer, transport, clock, make } = setUp();
    let calls = 0;
    transport.fail = () => {
      calls++;
      return StatusError.of('ServiceUnavailable', 'away');
    };
    informer.start();
    await clock.advance(60_000);
    expect(calls).toBeGreaterThan(5);
    expect(calls).toBeLessThan(20);
    transport.fail = () => {
      calls++;
      return undefined;
    };
    await clock.advance(20_000);
    expect(informer.isSynced).toBe(true);
    const before = calls;
    await clock.advance(3_600_000);
    expect(calls).toBe(before);
    await make('a');
    await informer.waitUntil(() => informer.size === 1);
  });

  it('is shared by those who ask for the same', async () => {
    const { client, clock, rng } = setUp();
    const informers = informersFor(client, { clock, rng, log: silentLog });
    const one = informers.informer(configmaps);
    expect(informers.informer(configmaps)).toBe(one);
    expect(informers.informer(configmaps, { namespace: 'ns' })).not.toBe(one);
    informers.start();
    await informers.waitForSync();
    expect(one.isSynced).toBe(true);
    informers.stop();
  });
});
