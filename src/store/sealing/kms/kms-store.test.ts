import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatusError } from '../../../api/meta/status-error.ts';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { machineRng, seededRng } from '../../../base/rng.ts';
import { VirtualClock } from '../../../base/virtual-clock.ts';
import { LmdbJournal } from '../../lmdb/lmdb-journal.ts';
import { MemorySharedJournal, SharedLog } from '../../memory-shared-journal.ts';
import { openStore } from '../../open-store.ts';
import type { RecordCodec } from '../../record.ts';
import { sharedJournalContract } from '../../shared-journal.contract.ts';
import { keysOf, put, remove, storeContract } from '../../store.contract.ts';
import type { Store } from '../../store.ts';
import type { StoreEvent } from '../../version.ts';
import { sealedRecords } from '../sealed-records.ts';
import { FakeKms } from './kms.fake.ts';
import { KmsProvider } from './kms-provider.ts';

let folder: string;
let kms: FakeKms;
let clock: VirtualClock;
let log: SharedLog;
const providers: KmsProvider[] = [];
const stores: Store[] = [];

async function setUp(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'knarr-kms-'));
  kms = new FakeKms();
  clock = new VirtualClock();
  log = new SharedLog();
  await kms.listen(join(folder, 'kms.sock'));
}
async function tearDown(): Promise<void> {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const provider of providers.splice(0)) provider.stop();
  kms.close();
  rmSync(folder, { recursive: true });
}

/** As one server writes: with a seed of its own. Pods are sealed. */
async function codec(): Promise<RecordCodec> {
  const deps = { clock, machineClock: realClock, log: silentLog, rng: machineRng };
  const provider = new KmsProvider(deps, { name: 'vault', endpoint: `unix://${folder}/kms.sock`, timeoutMs: 3000 });
  providers.push(provider);
  await provider.start();
  return sealedRecords([{ resources: ['pods'], providers: [provider] }], seededRng(1));
}

const onFatal = (error: unknown) => {
  throw error;
};
const local = async () => openStore(new LmdbJournal(join(folder, 'state'), await codec()), { onFatal });
const shared = async () => openStore(new MemorySharedJournal(log, { clock, records: await codec() }), { onFatal });
const kept = async (store: Promise<Store>): Promise<Store> => {
  stores.push(await store);
  return store;
};

/** What lies in the journal. */
const inFile = (text: string) => readFileSync(join(folder, 'state', 'data.mdb')).includes(text);
const inLog = (text: string) => log.commits.some(({ entries }) => entries.some(({ record }) => record?.includes(text)));

/** Lets the plugin be asked, as often as `ms` go into `times`. */
async function asked(ms: number, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    const before = kms.asked.Status;
    await clock.advance(ms);
    await expect.poll(() => kms.asked.Status).toBe(before + providers.length);
    await expect.poll(() => clock.nextDue()).toBeDefined();
  }
}

describe.each<[string, () => Promise<Store>, (text: string) => boolean]>([
  ['a journal of its own', local, inFile],
  ['a shared journal', shared, inLog],
])('a store that seals with a plugin, over %s', (_, open, lies) => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('refuses writes while the plugin is away for long, reads and removes on, and goes on by itself', async () => {
    const store = await kept(open());
    const [a] = await store.commit([put('ns/a', { text: 'classified' }), put('ns/b')]);
    kms.fails = 'the vault is shut';
    await asked(60_000);
    await asked(10_000, 12);
    await store.commit([put('ns/b', { late: 'yes' })]);
    await clock.advance(1000);
    const { revision } = store;
    const events: StoreEvent[] = [];
    store.watch({ resource: 'pods' }, revision, (batch) => events.push(...batch));

    const refused = await store.commit([put('ns/b', { never: 'yes' }), put('c')]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StatusError);
    expect((refused as StatusError).status).toMatchObject({ code: 500, reason: 'InternalError' });
    expect((refused as StatusError).message).toMatch(
      /^Internal error occurred: encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at 2026-01-01T00:03:00Z/,
    );
    expect({ revision: store.revision, head: store.head('pods', 'ns/b')?.labels, c: store.head('pods', 'c') }).toEqual({
      ...{ revision, head: { late: 'yes' }, c: undefined },
    });
    expect(store.get('pods', 'ns/a')).toEqual(a);
    expect(keysOf(store.list('pods').versions)).toEqual(['ns/a', 'ns/b']);
    // What is not sealed, and what goes, needs no key.
    await store.commit([put('map', {}, 'configmaps')]);
    await store.commit([remove('ns/a')]);
    expect(events.map(({ type, version }) => `${type} ${version.key}`)).toEqual(['DELETED ns/a']);
    expect([lies('classified'), lies('k8s:enc:kms:v2:vault:')]).toEqual([false, true]);

    kms.fails = undefined;
    await asked(10_000);
    await expect.poll(() => store.commit([put('c')]).then(keysOf, String)).toEqual(['c']);
  });

  it('knows what is sealed under a key of before, without a start, and seals it anew when it is written', async () => {
    const store = await kept(open());
    await store.commit([put('a'), put('b')]);
    const stale = () => store.list('pods').versions.map((version) => store.isStale(version));
    expect(stale()).toEqual([false, false]);
    kms.keyId = 'key-2';
    await asked(60_000);
    await expect.poll(stale).toEqual([true, true]);
    await store.commit([put('a')]);
    expect(stale()).toEqual([false, true]);
    expect([lies('key-1'), lies('key-2')]).toEqual([true, true]);
    // A start with the old key at hand reads both; only a journal of its own is sealed anew by it.
    await store.close();
    stores.splice(0);
    const again = await kept(open());
    const versions = again.list('pods').versions;
    expect(keysOf(versions)).toEqual(['a', 'b']);
    expect(versions.map((version) => again.isStale(version))).toEqual([false, open === shared]);
    expect(lies('key-1')).toBe(open === shared);
  });
});

describe('servers that share a journal, each with a seed of its own', () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('read each other while the plugin answers; what is known is read on without it', async () => {
    const [a, b] = [await kept(shared()), await kept(shared())];
    await a.commit([put('x', { by: 'a' })]);
    await b.fresh();
    expect(b.get('pods', 'x')?.labels).toEqual({ by: 'a' });
    expect(kms.asked.Decrypt).toBe(1);
    kms.fails = 'the vault is shut';
    await asked(60_000);
    // Both seeds have been seen by b: it follows a, without the plugin.
    await a.commit([put('x', { by: 'a again' })]);
    await b.fresh();
    expect(b.get('pods', 'x')?.labels).toEqual({ by: 'a again' });
    // What b seals, a has never seen: a waits for the plugin, and says nothing old meanwhile.
    await b.commit([put('y', { by: 'b' })]);
    let isFresh = false;
    const waiting = Promise.resolve(a.fresh()).then(() => (isFresh = true));
    await expect.poll(() => kms.asked.Decrypt).toBeGreaterThan(1);
    expect([isFresh, a.get('pods', 'y'), a.get('pods', 'x')?.labels]).toEqual([false, undefined, { by: 'a again' }]);
    kms.fails = undefined;
    await expect.poll(() => clock.advance(1000).then(() => isFresh)).toBe(true);
    await waiting;
    expect(a.get('pods', 'y')?.labels).toEqual({ by: 'b' });
  });
});

describe('by contract', () => {
  let codecs: RecordCodec[];
  beforeEach(async () => {
    await setUp();
    codecs = await Promise.all([codec(), codec(), codec()]);
  });
  afterEach(tearDown);

  storeContract('LocalStore sealed by a plugin', local);
  storeContract('SharedStore sealed by a plugin', shared);
  sharedJournalContract('in memory, sealed by a plugin', async () => () => {
    const records = codecs.shift() as RecordCodec;
    return new MemorySharedJournal(log, { clock, records });
  });
});
