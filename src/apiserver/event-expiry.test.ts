import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { LocalStore } from '../store/local-store.ts';
import { MemoryJournal } from '../store/memory-journal.ts';
import type { Write } from '../store/store.ts';
import { toBytes } from '../store/version.ts';
import { EventExpiry } from './event-expiry.ts';
import { ObjectCodec } from './object-codec.ts';

const minute = 60_000;

describe('EventExpiry', () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  let journal: MemoryJournal;
  let store: LocalStore;
  let expiry: EventExpiry;
  const at = (ms: number) => new Date(clock.now() + ms).toISOString();
  const event = (name: string, lastTimestamp = at(0), resource = 'events'): Write => ({
    put: {
      resource,
      key: `default/${name}`,
      encode: (revision) => ({
        uid: name,
        labels: undefined,
        fields: undefined,
        bytes: toBytes(JSON.stringify({ metadata: { name, resourceVersion: String(revision) }, lastTimestamp })),
      }),
    },
  });
  const names = (resource = 'events') => store.list(resource).versions.map(({ uid }) => uid);
  const start = async () => {
    const onFatal = (error: unknown) => {
      throw error;
    };
    store = await LocalStore.open(journal, { onFatal });
    expiry = new EventExpiry({ store, objects: new ObjectCodec(), clock, log: silentLog });
    expiry.start();
  };
  beforeEach(async () => {
    journal = new MemoryJournal();
    await start();
  });
  afterEach(() => expiry.stop());

  it('removes events an hour after they were last written, of both APIs and nothing else', async () => {
    await store.commit([
      event('old'),
      event('again'),
      event('other', at(0), 'events.events.k8s.io'),
      event('pod', at(0), 'pods'),
    ]);
    await clock.advance(30 * minute);
    await store.commit([event('again'), event('young')]);
    await clock.advance(29 * minute);
    expect(names()).toEqual(['again', 'old', 'young']);
    await clock.advance(3 * minute);
    expect({ events: names(), other: names('events.events.k8s.io') }).toEqual({
      events: ['again', 'young'],
      other: [],
    });
    await clock.advance(30 * minute);
    expect({ events: names(), pods: names('pods') }).toEqual({ events: [], pods: ['pod'] });
  });

  it('knows after a restart how old events are by what they say', async () => {
    await store.commit([event('old'), event('young', at(50 * minute))]);
    expiry.stop();
    await clock.advance(50 * minute);
    await start();
    await clock.advance(12 * minute);
    expect(names()).toEqual(['young']);
    await clock.advance(50 * minute);
    expect(names()).toEqual([]);
  });

  it('leaves nothing to wait for when there are no events, and takes any number', async () => {
    expect(clock.nextDue()).toBeUndefined();
    for (let i = 0; i < 5; i++) await store.commit(Array.from({ length: 200 }, (_, n) => event(`e${i}-${n}`)));
    await clock.advance(62 * minute);
    expect(names()).toEqual([]);
    expect(clock.nextDue()).toBeUndefined();
  });
});
