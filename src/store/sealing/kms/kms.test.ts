import { createDecipheriv, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { Metrics } from '../../../base/metrics.ts';
import { machineRng, seededRng } from '../../../base/rng.ts';
import { VirtualClock } from '../../../base/virtual-clock.ts';
import type { Change } from '../../journal.ts';
import { LmdbJournal } from '../../lmdb/lmdb-journal.ts';
import type { RecordCodec } from '../../record.ts';
import { toBytes, type Version } from '../../version.ts';
import { parseEncryptionConfig } from '../encryption-config.ts';
import { sealedRecords } from '../sealed-records.ts';
import { FakeKms } from './kms.fake.ts';
import { hashOf, KmsMetrics } from './kms-metrics.ts';
import { KmsProvider } from './kms-provider.ts';
import { sealWithSeed } from './seed.ts';

let folder: string;
let kms: FakeKms;
const started: KmsProvider[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'knarr-kms-'));
  kms = new FakeKms();
  await kms.listen(join(folder, 'kms.sock'));
});
afterEach(() => {
  for (const provider of started.splice(0)) provider.stop();
  kms.close();
  rmSync(folder, { recursive: true });
});

function providerOf(clock = new VirtualClock(), metrics?: Metrics): KmsProvider {
  const counted = metrics && { metrics: new KmsMetrics(metrics, 'apiserver-a') };
  const deps = { clock, machineClock: realClock, log: silentLog, rng: machineRng, ...counted };
  const endpoint = `unix://${join(folder, 'kms.sock')}`;
  const provider = new KmsProvider(deps, { name: 'vault', endpoint, timeoutMs: 3000 });
  started.push(provider);
  return provider;
}

async function running(clock?: VirtualClock, metrics?: Metrics): Promise<KmsProvider> {
  const provider = providerOf(clock, metrics);
  await provider.start();
  return provider;
}

/** Lets time pass until the plugin has been asked once more. */
async function asked(clock: VirtualClock, ms: number): Promise<void> {
  const before = kms.asked.Status;
  await clock.advance(ms);
  await expect.poll(() => kms.asked.Status).toBe(before + 1);
  await expect.poll(() => clock.nextDue()).toBeDefined();
}

/** When a virtual clock begins. */
const start = Date.UTC(2026, 0, 1);
const plain = Buffer.from('classified');
const context = Buffer.from('secrets/ns/a');

describe('a provider', () => {
  it('has one seed wrapped when it starts, and asks nobody to seal and to open', async () => {
    const provider = await running();
    const boxes = Array.from({ length: 20 }, () => provider.seal(plain, context, machineRng));
    for (const box of boxes) {
      expect(provider.prepare(box)).toBeUndefined();
      expect(provider.open(box, context).equals(plain)).toBe(true);
      expect(box.includes('classified')).toBe(false);
    }
    expect(new Set(boxes.map((box) => box.toString('hex'))).size).toBe(20);
    expect(kms.asked).toEqual({ Status: 1, Encrypt: 1, Decrypt: 0 });
  });

  it('notices a change, and what was put elsewhere', async () => {
    const provider = await running();
    const box = provider.seal(plain, context, machineRng);
    expect(() => provider.open(box, Buffer.from('secrets/ns/b'))).toThrow();
    const changed = Buffer.from(box);
    // Within the sealed text: the value begins with it, after the head of the message.
    changed[60] = (changed[60] as number) ^ 1;
    expect(() => provider.open(changed, context)).toThrow();
  });

  it('opens what was sealed before it started, asking once for each seed', async () => {
    const before = await running();
    const [a, b] = [before.seal(plain, context, machineRng), before.seal(plain, context, machineRng)];
    const provider = await running();
    expect(() => provider.open(a, context)).toThrow('has not been asked');
    await Promise.all([provider.prepare(a), provider.prepare(b)]);
    expect([provider.open(a, context), provider.open(b, context)].map(String)).toEqual(['classified', 'classified']);
    expect([provider.prepare(a), provider.sealOf(a), kms.asked.Decrypt]).toEqual([undefined, provider.sealNow, 1]);
  });

  it('takes a new seed when the plugin has a new key; what is sealed with the old one is stale, and opens', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    const old = provider.seal(plain, context, machineRng);
    await clock.advance(60_000);
    await expect.poll(() => kms.asked.Status).toBe(2);
    expect(kms.asked.Encrypt).toBe(1);

    kms.keyId = 'key-2';
    await clock.advance(60_000);
    await expect.poll(() => provider.sealNow).toBe('k8s:enc:kms:v2:vault:key-2');
    expect(provider.sealOf(old)).toBe('k8s:enc:kms:v2:vault:key-1');
    const box = provider.seal(plain, context, machineRng);
    expect(box.includes('key-2')).toBe(true);
    expect([provider.sealOf(box), String(provider.open(old, context))]).toEqual([provider.sealNow, 'classified']);
    expect(kms.asked).toEqual({ Status: 3, Encrypt: 2, Decrypt: 0 });
  });

  it('keeps its seed while the plugin changes its mind, and says so', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.keyId = 'key-2';
    kms.encryptsWith = 'key-3';
    await clock.advance(60_000);
    const hashes = `statusKeyIDHash="${hashOf('key-2')}", encryptKeyIDHash="${hashOf('key-3')}"`;
    await expect.poll(() => provider.problem).toBe(`failed to rotate DEK: ${hashes}`);
    expect(provider.seal(plain, context, machineRng).includes('key-1')).toBe(true);
    kms.encryptsWith = undefined;
    await clock.advance(10_000);
    await expect.poll(() => provider.problem).toBeUndefined();
    expect(provider.seal(plain, context, machineRng).includes('key-2')).toBe(true);
  });

  it('is not well while the plugin is not, and lets writes go on as long as that names its key', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.healthz = 'on fire';
    for (let minute = 1; minute <= 5; minute++) await asked(clock, 60_000);
    await expect.poll(() => provider.problem).toBe('got unexpected healthz status: on fire');
    expect(provider.refusal()).toBeUndefined();
    kms.healthz = 'ok';
    await clock.advance(10_000);
    await expect.poll(() => provider.problem).toBeUndefined();
  });

  it.each<[string, { bad: Partial<FakeKms>; mended: Partial<FakeKms>; problem: string; keyAfter: string }]>([
    [
      'cannot be had',
      {
        bad: { fails: 'the vault is shut' },
        mended: { fails: undefined },
        problem: 'failed to perform status section of the healthz check: the vault is shut',
        keyAfter: 'key-1',
      },
    ],
    [
      'names no key',
      {
        bad: { keyId: '' },
        mended: { keyId: 'key-1' },
        problem: 'got invalid KMSv2 KeyID hash "": keyID is empty',
        keyAfter: 'key-1',
      },
    ],
    [
      'seals with another key than it names',
      {
        bad: { keyId: 'key-2', encryptsWith: 'key-1' },
        mended: { encryptsWith: undefined },
        problem: 'failed to rotate DEK: statusKeyIDHash=',
        keyAfter: 'key-2',
      },
    ],
  ])('refuses writes three minutes after a plugin that %s', async (_, { bad, mended, problem, keyAfter }) => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    const before = provider.seal(plain, context, machineRng);
    Object.assign(kms, bad);
    await asked(clock, 60_000);
    await expect.poll(() => provider.problem).toContain(problem);
    while (clock.now() < start + 180_000) await asked(clock, 10_000);
    expect(provider.refusal()).toBeUndefined();
    await clock.advance(1000);
    expect(provider.refusal()).toBe(
      `encryptedDEKSource with keyID hash "${hashOf('key-1')}" expired at 2026-01-01T00:03:00Z (current time is 2026-01-01T00:03:01Z)`,
    );
    expect(String(provider.open(before, context))).toBe('classified');

    Object.assign(kms, mended);
    await clock.advance(10_000);
    await expect.poll(() => provider.refusal()).toBeUndefined();
    expect(provider.seal(plain, context, machineRng).includes(keyAfter)).toBe(true);
    expect(String(provider.open(before, context))).toBe('classified');
  });

  it('comes back when a plugin listens again that was gone', async () => {
    const clock = new VirtualClock();
    const deps = { clock, machineClock: realClock, log: silentLog, rng: machineRng };
    const endpoint = `unix://${folder}/kms.sock`;
    const provider = new KmsProvider(deps, { name: 'vault', endpoint, timeoutMs: 100 });
    started.push(provider);
    await provider.start();
    kms.close();
    await clock.advance(181_000);
    await expect.poll(() => provider.problem).toContain('failed to perform status section of the healthz check');
    expect(provider.refusal()).toContain('expired at 2026-01-01T00:03:00Z');
    kms = new FakeKms();
    await kms.listen(join(folder, 'kms.sock'));
    await expect.poll(() => clock.advance(10_000).then(() => provider.refusal()), { timeout: 10_000 }).toBeUndefined();
    await expect.poll(() => provider.problem).toBeUndefined();
  });

  it('is asked by who wants to know whether it is well: after 20 seconds where it was, after 3 where it was not', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.healthz = 'on fire';
    await clock.advance(19_000);
    expect([await provider.check(), kms.asked.Status]).toEqual([true, 1]);
    await clock.advance(1000);
    expect([await provider.check(), kms.asked.Status]).toEqual([false, 2]);
    kms.healthz = 'ok';
    await clock.advance(2000);
    expect([await provider.check(), kms.asked.Status]).toEqual([false, 2]);
    await clock.advance(1000);
    expect(await Promise.all([provider.check(), provider.check()])).toEqual([true, true]);
    expect(kms.asked.Status).toBe(3);
  });

  it('may not change its version', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.version = 'v2beta1';
    await clock.advance(60_000);
    const problem = 'KMSv2 API version should not change after the initial status response version v2, got v2beta1';
    await expect.poll(() => provider.problem).toBe(problem);
  });

  it('counts what it asks, and which keys are used', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const metrics = new Metrics();
    const provider = await running(clock, metrics);
    const old = (await running()).seal(plain, context, machineRng);
    await provider.prepare(old);
    await clock.advance(5000);
    provider.open(old, context);
    provider.seal(plain, context, machineRng);
    provider.seal(plain, context, machineRng);
    kms.keyId = '';
    await asked(clock, 55_000);
    await expect.poll(() => provider.problem).toContain('keyID is empty');
    const [key, server, at] = [hashOf('key-1'), hashOf('apiserver-a'), Date.UTC(2026, 0, 1) / 1000];
    const used = (type: string) =>
      `{transformation_type="${type}",provider_name="vault",key_id_hash="${key}",apiserver_id_hash="${server}"}`;
    const text = metrics.text();
    for (const line of [
      `apiserver_envelope_encryption_key_id_hash_total${used('from_storage')} 1`,
      `apiserver_envelope_encryption_key_id_hash_total${used('to_storage')} 2`,
      `apiserver_envelope_encryption_key_id_hash_last_timestamp_seconds${used('to_storage')} ${at + 5}`,
      `apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds{provider_name="vault",key_id_hash="${key}",apiserver_id_hash="${server}"} ${at}`,
      'apiserver_envelope_encryption_invalid_key_id_from_status_total{provider_name="vault",error="empty"} 1',
      'apiserver_envelope_encryption_dek_source_cache_size{provider_name="vault"} 2',
      'apiserver_storage_envelope_transformation_cache_misses_total 1',
      ...[
        ['Status', 2],
        ['Encrypt', 1],
        ['Decrypt', 1],
      ].map(
        ([method, count]) =>
          `apiserver_envelope_encryption_kms_operations_latency_seconds_count{provider_name="vault",method_name="/v2.KeyManagementService/${method}",grpc_status_code="OK"} ${count}`,
      ),
    ])
      expect(text).toContain(`${line}\n`);
  });

  it.each<[string, Partial<FakeKms>, string]>([
    ['is not well', { healthz: '' }, 'kmsv2 Provider vault is not healthy, error: got unexpected healthz status: '],
    ['is of another version', { version: 'v1beta1' }, 'expected KMSv2 API version v2, got v1beta1'],
    ['names no key', { keyId: '' }, 'got invalid KMSv2 KeyID hash "": keyID is empty'],
    ['names a key that is too long', { keyId: 'k'.repeat(1025) }, 'keyID is 1025 bytes, which exceeds the max size'],
  ])('does not start with a plugin that %s', async (_, state, message) => {
    Object.assign(kms, state);
    await expect(running()).rejects.toThrow(message);
  });

  it('does not start without a plugin', async () => {
    kms.close();
    const deps = { clock: realClock, log: silentLog, rng: machineRng };
    const provider = new KmsProvider(deps, { name: 'vault', endpoint: `unix://${folder}/no.sock`, timeoutMs: 200 });
    await expect(provider.start()).rejects.toThrow('kmsv2 Provider vault is not healthy');
  });

  it('says which key it lacks', async () => {
    const box = (await running()).seal(plain, context, machineRng);
    kms.destroyKey('key-1');
    kms.keyId = 'key-2';
    const provider = await running();
    await expect(provider.prepare(box)).rejects.toThrow(
      'kmsv2 Provider vault: failed to decrypt DEK, error: no key key-1',
    );
  });
});

it('the key of a value is made by HKDF of the seed and what stands before the box', () => {
  const seed = Buffer.alloc(32, 7);
  const box = sealWithSeed(seed, { plain, context }, machineRng);
  // RFC 5869 §2.3: the first block of HKDF-Expand.
  const key = createHmac('sha256', seed)
    .update(Buffer.concat([box.subarray(0, 32), Buffer.of(1)]))
    .digest();
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(32, 44));
  decipher.setAAD(context).setAuthTag(box.subarray(-16));
  expect(decipher.update(box.subarray(44, -16)).toString() + decipher.final().toString()).toBe('classified');
});

describe('a journal', () => {
  const version = (revision: number, text: string): Version => ({
    ...{ resource: 'secrets', key: 'ns/a', revision, uid: 'u', labels: undefined, fields: undefined },
    bytes: toBytes(`{"data":"${text}","resourceVersion":"${revision}"}`),
  });
  const change = (revision: number, text: string): Change => ({
    version: version(revision, text),
    deleted: false,
    previous: revision > 1 ? revision - 1 : undefined,
  });
  const state = () => join(folder, 'state');
  const file = () => readFileSync(join(state(), 'data.mdb'));
  async function once(records: RecordCodec, changes: Change[] = []): Promise<Version[]> {
    const journal = new LmdbJournal(state(), records);
    const { current } = await journal.load();
    const found = [...current];
    if (changes.length > 0) await journal.append(changes, { compacted: 0, drop: [] });
    await journal.close();
    return found;
  }
  async function codec(): Promise<RecordCodec> {
    const config = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [
        {
          resources: ['secrets'],
          providers: [
            { kms: { apiVersion: 'v2', name: 'vault', endpoint: `unix://${folder}/kms.sock`, timeout: '3s' } },
            { identity: {} },
          ],
        },
      ],
    };
    const kmsOf = () => providerOf();
    const rules = parseEncryptionConfig(JSON.stringify(config), kmsOf);
    for (const provider of started) if (provider.problem !== undefined) await provider.start();
    return sealedRecords(rules, seededRng(1));
  }

  it('is read after a restart, and sealed anew under a new key', async () => {
    await once(await codec(), [change(1, 'classified'), change(2, 'topsecret')]);
    expect([file().includes('topsecret'), file().includes('k8s:enc:kms:v2:vault:')]).toEqual([false, true]);
    expect(String((await once(await codec()))[0]?.bytes)).toContain('topsecret');
    expect(kms.asked.Decrypt).toBe(1);

    kms.keyId = 'key-2';
    expect(String((await once(await codec(), [change(3, 'newest')]))[0]?.bytes)).toContain('topsecret');
    expect([file().includes('key-1'), file().includes('key-2')]).toEqual([false, true]);
    kms.destroyKey('key-1');
    expect(String((await once(await codec()))[0]?.bytes)).toContain('newest');
  });
});
