import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../base/metrics.ts';
import { seededRng } from '../../base/rng.ts';
import type { Change } from '../journal.ts';
import { journalContract } from '../journal.contract.ts';
import { LmdbJournal } from '../lmdb/lmdb-journal.ts';
import { plainRecords } from '../record.ts';
import { toBytes, type Version } from '../version.ts';
import { parseEncryptionConfig, ruleFor } from './encryption-config.ts';
import { identity as nothing } from './providers.ts';
import { sealedRecords } from './sealed-records.ts';
import { sealingMetrics } from './sealing-metrics.ts';

const key = (letter: string, bytes = 32) => Buffer.from(letter.repeat(bytes)).toString('base64');
const aescbc = (...names: string[]) => ({ aescbc: { keys: names.map((name) => ({ name, secret: key(name) })) } });
const aesgcm = (name: string) => ({ aesgcm: { keys: [{ name, secret: key(name) }] } });
const secretbox = (name: string) => ({ secretbox: { keys: [{ name, secret: key(name) }] } });
const identity = { identity: {} };
const kmsProvider = { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///kms.sock' };
const kms = (...some: object[]) =>
  config([{ resources: ['a'], providers: some.map((one) => ({ kms: { ...kmsProvider, ...one } })) }]);
const config = (resources: object[]) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });
const rules = (...providers: object[]) => parseEncryptionConfig(config([{ resources: ['secrets'], providers }]));
const codec = (...providers: object[]) => sealedRecords(rules(...providers), seededRng(1));

const version = (revision: number, text = 'classified'): Version => ({
  ...{ resource: 'secrets', key: 'ns/a', revision, uid: 'u', labels: { hint: text }, fields: { type: text } },
  bytes: toBytes(`{"data":"${text}","resourceVersion":"${revision}"}`),
});
const change = (revision: number, text?: string): Change => ({
  version: version(revision, text),
  deleted: false,
  previous: undefined,
});

describe('a sealed record', () => {
  it.each([
    ['aescbc', aescbc('a'), 'k8s:enc:aescbc:v1:a:'],
    ['aesgcm', aesgcm('a'), 'k8s:enc:aesgcm:v1:a:'],
    ['secretbox', secretbox('a'), 'k8s:enc:secretbox:v1:a:'],
  ])('of %s says nothing of the object, and gives all of it back', (_, provider, prefix) => {
    const records = codec(provider);
    const record = records.encode(change(3));
    expect(record.includes(prefix)).toBe(true);
    expect(record.includes('classified')).toBe(false);
    expect(record.includes('ns/a')).toBe(true);
    expect(records.decode(3, record)).toMatchObject({ version: version(3), deleted: false });
    // Never the same twice.
    expect(records.encode(change(3)).equals(record)).toBe(false);
  });

  it('is opened by any provider, and tells by which: what another than the first opens is stale', () => {
    const old = codec(aescbc('a')).encode(change(1));
    const plain = plainRecords.encode(change(1));
    const both = codec(aesgcm('b'), aescbc('c', 'a'), identity);
    expect(both.decode(1, old).version).toMatchObject({ ...version(1), seal: 'k8s:enc:aescbc:v1:a:' });
    expect(both.decode(1, plain).version.seal).toBeUndefined();
    expect(both.decode(1, both.encode(change(1))).version.seal).toBe('k8s:enc:aesgcm:v1:b:');
    expect(both.sealNow?.('secrets')).toBe('k8s:enc:aesgcm:v1:b:');
    // Back to plain: identity first.
    const back = codec(identity, aescbc('a'));
    expect([back.decode(1, old).version.seal, back.sealNow?.('secrets')]).toEqual(['k8s:enc:aescbc:v1:a:', undefined]);
    expect(back.encode(change(1)).includes('classified')).toBe(true);
  });

  it('cannot be opened without its key, nor after a change, nor elsewhere', () => {
    const record = codec(aesgcm('a')).encode(change(1));
    expect(() => codec(aescbc('a')).decode(1, record)).toThrow(
      'unable to transform key "secrets/ns/a": no matching prefix found',
    );
    expect(() => sealedRecords([], seededRng(1)).decode(1, record)).toThrow('no matching prefix found');
    const changed = Buffer.from(record);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    expect(() => codec(aesgcm('a')).decode(1, changed)).toThrow('sealed with another key, or changed since');
    const moved = Buffer.from(record.toString('latin1').replace('ns/a', 'ns/b'), 'latin1');
    expect(() => codec(aesgcm('a')).decode(1, moved)).toThrow('sealed with another key, or changed since');
  });

  it('notices a change in a box', () => {
    const box = Buffer.from(codec(secretbox('a')).encode(change(1)));
    box[box.length - 1] = (box.at(-1) as number) ^ 1;
    expect(() => codec(secretbox('a')).decode(1, box)).toThrow('sealed with another key, or changed since');
  });

  it('is left as it is by those who only move records', () => {
    const record = codec(aesgcm('a')).encode(change(1));
    expect(plainRecords.decode(1, record)).toMatchObject({ sealed: true, version: { key: 'ns/a' } });
  });

  it('stands for the resources that are named', () => {
    const parsed = parseEncryptionConfig(
      config([
        { resources: ['secrets', '*.apps'], providers: [aescbc('a')] },
        { resources: ['*.'], providers: [aescbc('b')] },
        { resources: ['*.*'], providers: [identity] },
      ]),
    );
    const of = (resource: string) => parsed.indexOf(ruleFor(parsed, resource) as (typeof parsed)[0]);
    expect(['secrets', 'deployments.apps', 'configmaps', 'leases.coordination.k8s.io'].map(of)).toEqual([0, 0, 1, 2]);
    const records = codec(aescbc('a'));
    const map = { ...change(1), version: { ...version(1), resource: 'configmaps' } };
    expect(records.encode(map).includes('classified')).toBe(true);
  });

  it.each([
    ['kind: Other', 'it is no EncryptionConfiguration'],
    [config([]), 'at least one resource must be configured'],
    [config([{ resources: ['a'], providers: [] }]), 'resources[0].providers: Required value'],
    [config([{ resources: ['a'], providers: [{ rot13: {} }] }]), 'resources[0].providers[0].rot13: Unsupported value'],
    [
      config([{ resources: ['a'], providers: [{ aescbc: { keys: [{ name: 'a', secret: key('a', 9) }] } }] }]),
      'got 9, expected one of 16, 24, 32',
    ],
    [config([{ resources: ['a'], providers: [aescbc('a', 'a')] }]), 'Duplicate value: "a"'],
    [kms({ apiVersion: 'v1' }), 'kms.apiVersion: Unsupported value: "v1": supported values: "v2"'],
    [kms({ name: undefined }), 'kms.name: Required value'],
    [kms({ name: 'a:b' }), "invalid KMS provider name a:b, must not contain ':'"],
    [kms({ endpoint: undefined }), 'kms.endpoint: Required value: endpoint is a required field'],
    [kms({ endpoint: 'https://a' }), 'unsupported scheme "https" for KMS provider, only unix is supported'],
    [kms({ timeout: '0s' }), 'kms.timeout: Invalid value: "0s": timeout should be a positive value'],
    [kms({ cachesize: 9 }), 'kms.cachesize: Invalid value: 9: cachesize is not supported in v2'],
    [kms({}, {}), 'duplicate KMS provider name vault, names must be unique'],
  ])('is not made from %s', (text, message) => {
    expect(() => parseEncryptionConfig(text, () => nothing)).toThrow(message);
  });
});

it('what is sealed and opened is counted by resource, kind of key and outcome', () => {
  const metrics = new Metrics();
  const records = sealedRecords(rules(aescbc('a')), seededRng(1), sealingMetrics(metrics));
  records.decode(1, records.encode(change(1)));
  records.encode(change(2));
  const series = (type: string, count: number) =>
    `apiserver_storage_transformation_operations_total{resource="secrets",transformation_type="${type}",transformer_prefix="k8s:enc:aescbc:v1:",status="OK"} ${count}`;
  expect(metrics.text()).toContain(series('to_storage', 2));
  expect(metrics.text()).toContain(series('from_storage', 1));
});

describe('on a disk', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'knarr-sealed-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const file = () => readFileSync(join(folder, 'data.mdb'));
  /** The object goes; what it was stays in the history. */
  const deletion = (revision: number, text?: string): Change => ({
    version: version(revision, text),
    deleted: true,
    previous: revision - 1,
  });
  const once = async (records: ConstructorParameters<typeof LmdbJournal>[1], changes: Change[] = []) => {
    const journal = new LmdbJournal(folder, records);
    const { current, revision, events } = await journal.load();
    const found = [...current];
    const last = [...events].at(-1);
    if (changes.length > 0) await journal.append(changes, { compacted: 0, drop: [] });
    await journal.close();
    return { found, revision, last };
  };

  it('what is deleted is not written plain either, and what once was is sealed at the next start', async () => {
    await once(codec(aesgcm('a')), [change(1), deletion(2)]);
    expect(file().includes('classified')).toBe(false);
    const { found, last } = await once(codec(aesgcm('a')));
    expect(found).toEqual([]);
    expect(last).toMatchObject({ type: 'DELETED', version: { key: 'ns/a', bytes: version(2).bytes } });
    await once(codec(identity, aesgcm('a')), [change(3, 'told'), deletion(4, 'told')]);
    expect(file().includes('told')).toBe(true);
    expect((await once(codec(aesgcm('a')))).last).toMatchObject({ type: 'DELETED', version: { revision: 4 } });
    expect(file().includes('told')).toBe(false);
  });

  it('nothing plain is left once there is a key, and nothing of an old key once there is a new one', async () => {
    const many = Array.from({ length: 50 }, (_, i) => ({
      ...change(i + 1, `classified-${i}-${'x'.repeat(200)}`),
    }));
    await once(undefined, many);
    expect(file().includes('classified-7-')).toBe(true);
    const sealed = await once(codec(aescbc('a')));
    expect(sealed).toMatchObject({
      revision: 50,
      found: [{ key: 'ns/a', labels: { hint: many[49]?.version.labels?.hint } }],
    });
    expect(file().includes('classified')).toBe(false);
    expect(file().includes('k8s:enc:aescbc:v1:a:')).toBe(true);
    await once(codec(aesgcm('b'), aescbc('a')));
    expect(file().includes(':a:')).toBe(false);
    const last = await once(codec(aesgcm('b')), [change(51, 'newest')]);
    expect(last.revision).toBe(50);
    expect((await once(codec(aesgcm('b')))).found[0]?.bytes.toString()).toContain('newest');
    expect(file().includes('newest')).toBe(false);
    await expect(once(sealedRecords([], seededRng(1)))).rejects.toThrow('no matching prefix found');
  });
});

const folders: string[] = [];
let uses = 0;
journalContract('lmdb, everything sealed', async () => {
  if (uses++ % 2 === 0) folders.push(mkdtempSync(join(tmpdir(), 'knarr-sealed-')));
  const all = parseEncryptionConfig(config([{ resources: ['*.*'], providers: [aesgcm('a')] }]));
  return new LmdbJournal(folders.at(-1) as string, sealedRecords(all, seededRng(uses)));
});
afterEach(() => {
  if (uses % 2 === 0) for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
});
