import { createDecipheriv, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { machineRng, seededRng } from '../../../base/rng.ts';
import { VirtualClock } from '../../../base/virtual-clock.ts';
import type { Change } from '../../journal.ts';
import { LmdbJournal } from '../../lmdb/lmdb-journal.ts';
import type { RecordCodec } from '../../record.ts';
import { toBytes, type Version } from '../../version.ts';
import { parseEncryptionConfig } from '../encryption-config.ts';
import { sealedRecords } from '../sealed-records.ts';
import { FakeKms } from './kms.fake.ts';
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

/** Sockets go by the machine's clock, the questions about the plugin by one that a test moves. */
const timesOf = (virtual: VirtualClock) => ({
  ...realClock,
  after: (delayMs: number, run: () => void) => virtual.after(delayMs, run),
});

function providerOf(clock = new VirtualClock()): KmsProvider {
  const deps = { clock: timesOf(clock), log: silentLog, rng: machineRng };
  const endpoint = `unix://${join(folder, 'kms.sock')}`;
  const provider = new KmsProvider(deps, { name: 'vault', endpoint, timeoutMs: 3000 });
  started.push(provider);
  return provider;
}

async function running(clock?: VirtualClock): Promise<KmsProvider> {
  const provider = providerOf(clock);
  await provider.start();
  return provider;
}

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
    expect([provider.prepare(a), provider.isStale(a), kms.asked.Decrypt]).toEqual([undefined, false, 1]);
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
    await expect.poll(() => provider.isStale(old)).toBe(true);
    const box = provider.seal(plain, context, machineRng);
    expect(box.includes('key-2')).toBe(true);
    expect([provider.isStale(box), String(provider.open(old, context))]).toEqual([false, 'classified']);
    expect(kms.asked).toEqual({ Status: 3, Encrypt: 2, Decrypt: 0 });
  });

  it('keeps its seed while the plugin changes its mind, and says so', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.keyId = 'key-2';
    kms.encryptsWith = 'key-3';
    await clock.advance(60_000);
    await expect.poll(() => provider.problem).toContain('failed to rotate DEK: expected keyID "key-2", got "key-3"');
    expect(provider.seal(plain, context, machineRng).includes('key-1')).toBe(true);
    kms.encryptsWith = undefined;
    await clock.advance(10_000);
    await expect.poll(() => provider.problem).toBeUndefined();
    expect(provider.seal(plain, context, machineRng).includes('key-2')).toBe(true);
  });

  it('is not well while the plugin is not, and seals all the same', async () => {
    const clock = new VirtualClock();
    const provider = await running(clock);
    kms.healthz = 'on fire';
    await clock.advance(60_000);
    await expect.poll(() => provider.problem).toBe('got unexpected healthz status: on fire');
    expect(String(provider.open(provider.seal(plain, context, machineRng), context))).toBe('classified');
    kms.healthz = 'ok';
    await clock.advance(10_000);
    await expect.poll(() => provider.problem).toBeUndefined();
  });

  it.each<[string, Partial<FakeKms>, string]>([
    ['is not well', { healthz: '' }, 'kmsv2 Provider vault is not healthy, error: got unexpected healthz status: '],
    ['is of another version', { version: 'v1beta1' }, 'expected KMSv2 API version v2, got v1beta1'],
    ['names no key', { keyId: '' }, 'expected KMSv2 KeyID to be set, got '],
    ['names a key that is too long', { keyId: 'k'.repeat(1025) }, 'expected KMSv2 KeyID to be set'],
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
