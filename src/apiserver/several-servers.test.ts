import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configmaps, serviceaccounts, services } from '../api/generated/resources.ts';
import type { ConfigMap, Service } from '../api/generated/types.ts';
import { isAlreadyExists, isConflict, StatusError } from '../api/meta/status-error.ts';
import type { Manifest } from '../api/resource.ts';
import { realClock } from '../base/clock.ts';
import { seededRng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { MemorySharedJournal, SharedLog } from '../store/memory-shared-journal.ts';
import type { ApiServer } from './api-server.ts';
import { adminOf, startOver } from './journal-server.fake.ts';

const startServer = (log: SharedLog, seed: number): Promise<ApiServer> =>
  startOver({ journal: new MemorySharedJournal(log), clock: realClock, rng: seededRng(seed) });

const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name, namespace: 'default' }, data });
const at = (name: string) => ({ namespace: 'default', name });

describe('two API servers over one journal', () => {
  let log: SharedLog;
  let servers: ApiServer[];
  let a: Client;
  let b: Client;
  beforeEach(async () => {
    log = new SharedLog();
    // Both at once: each finds a fresh cluster.
    servers = await Promise.all([startServer(log, 1), startServer(log, 2)]);
    [a, b] = servers.map((server) => adminOf(server)) as [Client, Client];
    await a.create(serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  });
  afterEach(() => Promise.all(servers.map((server) => server.close())));

  it('read what the other has acknowledged', async () => {
    for (let i = 0; i < 20; i++) {
      const written = await (i % 2 ? a : b).create(configmaps, map(`m${i}`));
      expect(await (i % 2 ? b : a).get(configmaps, at(`m${i}`))).toEqual(written);
    }
    expect((await a.list(configmaps, { namespace: 'default' })).items).toHaveLength(20);
  });

  it('let one of two creators win, and tell the other so', async () => {
    const made = await Promise.allSettled([a.create(configmaps, map('x')), b.create(configmaps, map('x'))]);
    const lost = made.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(lost).toHaveLength(1);
    expect(isAlreadyExists(lost[0])).toBe(true);
  });

  it('refuse an update of an old version, and merge patches of the same object one after the other', async () => {
    const made = await a.create(configmaps, map('x'));
    const update = (client: Client, by: string) => client.update(configmaps, { ...made, data: { by } } as ConfigMap);
    const updated = await Promise.allSettled([update(a, 'a'), update(b, 'b')]);
    const lost = updated.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(lost).toHaveLength(1);
    expect(isConflict(lost[0])).toBe(true);
    const patch = (client: Client, field: string) =>
      client.patch(configmaps, at('x'), { type: 'merge', body: { data: { [field]: 'yes' } } });
    await Promise.all(['1', '2', '3'].flatMap((n) => [patch(a, `a${n}`), patch(b, `b${n}`)]));
    const { data } = await b.get(configmaps, at('x'));
    expect(Object.keys(data ?? {}).sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'by']);
  });

  it('never give one address or one node port to two services', async () => {
    const service = (name: string, nodePort?: number): Manifest<Service> => ({
      metadata: { name, namespace: 'default' },
      spec: { type: 'NodePort', selector: { app: name }, ports: [{ port: 80, nodePort }] },
    });
    const create = (client: Client, name: string) => client.create(services, service(name));
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, i) => [create(a, `a${i}`), create(b, `b${i}`)]).flat(),
    );
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(60);
    expect(new Set(made.map(({ spec }) => spec.ports?.[0]?.nodePort)).size).toBe(60);
    const free = 32_767 - 1;
    const asked = await Promise.allSettled([
      a.create(services, service('p', free)),
      b.create(services, service('q', free)),
    ]);
    const lost = asked.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(lost).toHaveLength(1);
    expect((lost[0] as StatusError).message).toContain('provided port is already allocated');
    const winner = asked[0]?.status === 'fulfilled' ? 'p' : 'q';
    await b.delete(services, at(winner));
    await a.create(services, service('r', free));
  });

  it('know from the start what every cluster has, once', async () => {
    const { items } = await a.list(services, { namespace: 'default' });
    expect(items.map((item) => item.metadata.name)).toEqual(['kubernetes']);
    const late = await startServer(log, 3);
    servers.push(late);
    const before = log.revision;
    const again = await startServer(log, 4);
    servers.push(again);
    expect(log.revision).toBe(before);
  });
});
