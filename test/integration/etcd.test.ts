import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { EtcdClient } from '../../src/store/etcd/etcd-client.ts';
import { EtcdCompactor } from '../../src/store/etcd/etcd-compactor.ts';
import { EtcdJournal } from '../../src/store/etcd/etcd-journal.ts';
import { EtcdKeys } from '../../src/store/etcd/etcd-keys.ts';
import { sharedJournalContract } from '../../src/store/shared-journal.contract.ts';
import { SharedStore } from '../../src/store/shared-store.ts';
import { put, storeContract } from '../../src/store/store.contract.ts';
import type { StoreEvent } from '../../src/store/version.ts';
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
