import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { machineRng } from '../../src/base/rng.ts';
import { silentLog } from '../../src/base/log.ts';
import { EtcdClient } from '../../src/store/etcd/etcd-client.ts';
import { EtcdCompactor } from '../../src/store/etcd/etcd-compactor.ts';
import { EtcdJournal } from '../../src/store/etcd/etcd-journal.ts';
import { EtcdKeys } from '../../src/store/etcd/etcd-keys.ts';
import { parseEncryptionConfig } from '../../src/store/sealing/encryption-config.ts';
import { sealedRecords } from '../../src/store/sealing/sealed-records.ts';
import { sharedJournalContract } from '../../src/store/shared-journal.contract.ts';
import { SharedStore } from '../../src/store/shared-store.ts';
import { put, storeContract } from '../../src/store/store.contract.ts';
import type { StoreEvent } from '../../src/store/version.ts';
import { ApiProcess } from './extension/api-process.ts';
import { OwnEtcd } from './own-etcd.ts';

const deps = { clock: realClock, log: silentLog };
const onFatal = (error: unknown) => {
  throw error;
};

describe('etcd', () => {
  let etcd: OwnEtcd;
  let clusters = 0;
  const prefix = () => `/knarr-${++clusters}`;
  const journal = (at: string) => new EtcdJournal(deps, { endpoints: etcd.endpoints, prefix: at });
  beforeAll(async () => {
    etcd = await OwnEtcd.start();
  });
  afterAll(() => etcd?.stop());

  sharedJournalContract('etcd', async () => {
    const at = prefix();
    return () => journal(at);
  });
  storeContract('SharedStore on etcd', () => SharedStore.open(journal(prefix()), { onFatal }));

  it('keeps objects sealed; a write that changes nothing is one when the key is another', async () => {
    const at = prefix();
    const codec = (...names: string[]) => {
      const keys = names.map((name) => ({ name, secret: Buffer.alloc(32, name).toString('base64') }));
      const resources = [{ resources: ['secrets'], providers: [{ aesgcm: { keys } }, { identity: {} }] }];
      const kind = 'EncryptionConfiguration';
      return sealedRecords(
        parseEncryptionConfig(JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, resources })),
        machineRng,
      );
    };
    const serve = (...names: string[]) =>
      ApiProcess.start(new EtcdJournal(deps, { endpoints: etcd.endpoints, prefix: at, records: codec(...names) }));
    const stored = async () => {
      const { kv } = new EtcdClient(deps, { endpoints: etcd.endpoints });
      const { kvs } = await kv.Range({ key: new EtcdKeys(at).of({ resource: 'secrets', key: 'default/s' }) });
      return Buffer.from(kvs?.[0]?.value ?? '').toString('latin1');
    };
    const path = '/api/v1/namespaces/default/secrets';
    const first = await serve('a');
    await first.post(path, {
      metadata: { name: 's', labels: { hint: 'classified' } },
      stringData: { a: 'classified' },
    });
    expect(await stored()).toContain('k8s:enc:aesgcm:v1:a:');
    expect(await stored()).not.toMatch(/classified|Y2xhc3NpZmllZA/);
    await first.close();
    const second = await serve('b', 'a');
    const { body } = await second.get(`${path}/s`);
    expect([body.data.a, body.metadata.labels.hint]).toEqual(['Y2xhc3NpZmllZA==', 'classified']);
    expect((await second.put(`${path}/s`, body)).status).toBe(200);
    expect(await stored()).toContain('k8s:enc:aesgcm:v1:b:');
    const { metadata } = (await second.get(`${path}/s`)).body;
    await second.put(`${path}/s`, {
      ...body,
      metadata: { ...body.metadata, resourceVersion: metadata.resourceVersion },
    });
    expect((await second.get(`${path}/s`)).body.metadata.resourceVersion).toBe(metadata.resourceVersion);
    await second.close();
    // A server without the keys ends, whether it finds the objects or is told of them.
    const stranger = new EtcdJournal(deps, { endpoints: etcd.endpoints, prefix: at, records: codec('c') });
    const why = await new Promise<unknown>((resolve) => {
      SharedStore.open(stranger, { onFatal: resolve }).catch(resolve);
    });
    expect(String(why)).toContain('no matching prefix found');
    await stranger.close();
  });

  it('loads a state of many pages, and pages of large objects', async () => {
    const at = prefix();
    const store = await SharedStore.open(journal(at), { onFatal });
    const text = 'x'.repeat(100_000);
    await Promise.all(Array.from({ length: 120 }, (_, i) => store.commit([put(`big-${i}`, { text })])));
    const compactor = new EtcdCompactor(
      { ...deps, kv: new EtcdClient(deps, { endpoints: etcd.endpoints }).kv },
      new EtcdKeys(at).compaction,
    );
    await compactor.compact();
    await compactor.compact();
    const late = await SharedStore.open(journal(at), { onFatal });
    const told = (from: SharedStore) =>
      from.list('pods').versions.map((v) => `${v.key} ${v.revision} ${v.bytes.length}`);
    expect(told(late)).toHaveLength(120);
    expect(told(late)).toEqual(told(store));
    expect(late.compacted).toBeGreaterThan(0);
    await Promise.all([store.close(), late.close()]);
  });

  it('lets a watch resume on another server, across its start', async () => {
    const at = prefix();
    const first = await SharedStore.open(journal(at), { onFatal });
    const [seen] = await first.commit([put('a')]);
    await first.commit([put('b')]);
    const second = await SharedStore.open(journal(at), { onFatal });
    const events: StoreEvent[] = [];
    second.watch({ resource: 'pods' }, seen?.revision as number, (batch) => events.push(...batch));
    await second.commit([put('c')]);
    expect(events.map(({ type, version }) => `${type} ${version.key}`)).toEqual(['ADDED b', 'ADDED c']);
    await Promise.all([first.close(), second.close()]);
  });
});
