import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, deployments, endpointslices, leases, replicasets } from '../../src/api/generated/resources.ts';
import type { Deployment } from '../../src/api/generated/types.ts';
import { StatusError } from '../../src/api/meta/status-error.ts';
import type { Manifest } from '../../src/api/resource.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { seededRng } from '../../src/base/rng.ts';
import type { Client } from '../../src/client/client.ts';
import { type AdminClient, eventually } from '../../src/cluster/admin-client.ts';
import { OwnEtcd } from '../integration/own-etcd.ts';
import { Cable } from './cable.ts';
import { isLong, seed } from './campaign.ts';
import { Crowd } from './crowd.ts';
import { contradictions } from './linearizable.ts';
import { ServerProcess } from './server-process.ts';

const namespace = 'default';
const deployment = (name: string): Manifest<Deployment> => ({
  metadata: { name, namespace },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
});

const hasReplicaSet = (client: Client, name: string) =>
  eventually(realClock, { what: `a ReplicaSet of ${name}`, timeoutMs: 60_000 }, async () => {
    const { items } = await client.list(replicasets, { namespace, labelSelector: `app=${name}` });
    return items.length > 0 || undefined;
  });

/** Tries again while nobody can say whether it happened, as any client must. */
async function insists<T>(work: () => Promise<T>): Promise<T> {
  return eventually(realClock, { what: 'an answer', timeoutMs: 120_000 }, async () => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StatusError && ['ServiceUnavailable', 'Timeout'].includes(error.reason)) return undefined;
      throw error;
    }
  });
}

describe('two servers on an etcd of three members', () => {
  let etcd: OwnEtcd;
  let cables: Cable[][];
  let servers: ServerProcess[];
  let admins: AdminClient[];
  const clients = () => admins.map(({ client }) => client) as [Client, Client];
  beforeAll(async () => {
    etcd = await OwnEtcd.start(3);
    // Each server has its own cables to all members.
    cables = await Promise.all([0, 1].map(() => Promise.all(etcd.endpoints.map((url) => Cable.to(url)))));
    const [one, two] = cables.map((of) => ['--etcd', of.map(({ url }) => url).join(',')]);
    const first = await ServerProcess.prepare({ args: one });
    servers = [first];
    await first.start();
    await first.ready();
    const second = await ServerProcess.prepare({ args: two, joins: first });
    servers.push(second);
    await second.start();
    await second.ready();
    admins = await Promise.all(servers.map((server) => server.client()));
  });
  afterAll(async () => {
    for (const admin of admins ?? []) admin.close();
    for (const server of servers ?? []) await server.dispose();
    for (const cable of cables?.flat() ?? []) cable.close();
    await etcd?.stop();
  });

  it('answer alike, and one of them leads', async () => {
    const [a, b] = clients();
    const written = await a.create(configmaps, { metadata: { name: 'shared', namespace }, data: { by: 'a' } });
    expect(await b.get(configmaps, { namespace, name: 'shared' })).toEqual(written);
    await a.create(deployments, deployment('led'));
    await hasReplicaSet(b, 'led');
    const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };
    expect((await b.get(leases, lease)).spec.holderIdentity).toBe((await a.get(leases, lease)).spec.holderIdentity);
  });

  it('go on when a member of etcd dies, and when it comes back', async () => {
    const [a, b] = clients();
    const seen: string[] = [];
    const watch = b.watch(
      configmaps,
      { namespace, labelSelector: 'run=member', resourceVersion: (await b.list(configmaps)).metadata.resourceVersion },
      {
        events: (batch) => seen.push(...batch.map(({ object }) => object.metadata.name)),
        end: (e) => seen.push(String(e)),
      },
    );
    const write = (i: number) =>
      insists(
        () =>
          [a, b][i % 2]?.create(configmaps, { metadata: { name: `m${i}`, namespace, labels: { run: 'member' } } }) ??
          Promise.resolve(undefined),
      ).catch((error: unknown) => {
        // The first try was committed after all.
        if (!(error instanceof StatusError && error.reason === 'AlreadyExists')) throw error;
      });
    for (let i = 0; i < 60; i++) {
      if (i === 20) await etcd.killMember(0);
      if (i === 40) etcd.startMember(0);
      await write(i);
    }
    const expected = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await expect.poll(() => seen, { timeout: 120_000 }).toEqual(expected);
    watch.stop();
    const { items } = await a.list(configmaps, { namespace, labelSelector: 'run=member' });
    expect(items.map((item) => item.metadata.name).sort()).toEqual([...expected].sort());
  });

  it('go on when the one that leads is killed: the other takes over, watches of its clients lose nothing', async () => {
    const [, b] = clients();
    const seen: string[] = [];
    const start = await b.list(configmaps, { namespace });
    b.watch(
      configmaps,
      { namespace, resourceVersion: start.metadata.resourceVersion },
      {
        events: (batch) => seen.push(...batch.map(({ object }) => object.metadata.name)),
        end: (e) => seen.push(String(e)),
      },
    );
    await servers[0]?.kill('SIGKILL');
    for (let i = 0; i < 20; i++) await b.create(configmaps, { metadata: { name: `k${i}`, namespace } });
    await expect.poll(() => seen.length, { timeout: 120_000 }).toBe(20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `k${i}`));
    await b.create(deployments, deployment('survivor'));
    await hasReplicaSet(b, 'survivor');
    await servers[0]?.start();
    await servers[0]?.ready();
    const back = await servers[0]?.client();
    const names = (await back?.client.list(configmaps, { namespace }))?.items.map((item) => item.metadata.name);
    back?.close();
    expect(names).toContain('k19');
  });

  it('are both behind the kubernetes service, and who dies is not for long', async () => {
    const [, second] = servers as [ServerProcess, ServerProcess];
    const [a] = clients();
    const addresses = servers.map(({ layout }) => layout.network.hostAddress);
    const behind = async () => {
      const { items } = await a.list(endpointslices, {
        namespace,
        labelSelector: 'kubernetes.io/service-name=kubernetes',
      });
      return items.flatMap((slice) => slice.endpoints?.flatMap((endpoint) => endpoint.addresses) ?? []).sort();
    };
    await expect.poll(behind, { timeout: 120_000 }).toEqual([...addresses].sort());
    await second.kill('SIGKILL');
    await expect.poll(behind, { timeout: 40_000 }).toEqual([addresses[0]]);
    await second.start();
    await second.ready();
    await expect.poll(behind, { timeout: 120_000 }).toEqual([...addresses].sort());
  });

  const pauseMs = 3000;
  const faults: Record<string, (progress: () => Promise<void>, n: number) => Promise<void>> = {
    'a server is killed': async (progress, n) => {
      await servers[n]?.kill('SIGKILL');
      await progress();
      await servers[n]?.start();
      await servers[n]?.ready();
    },
    'a server stands still': async (progress, n) => {
      servers[n]?.signal('SIGSTOP');
      await sleep(realClock, pauseMs);
      await progress();
      servers[n]?.signal('SIGCONT');
      await progress();
    },
    'a server is cut off from etcd': async (progress, n) => {
      for (const cable of cables[n] ?? []) cable.cut();
      await sleep(realClock, pauseMs);
      await progress();
      for (const cable of cables[n] ?? []) cable.heal();
      await progress();
    },
    'a member of etcd is killed': async (progress, n) => {
      await etcd.killMember(n);
      await progress();
      etcd.startMember(n);
      await progress();
    },
    'members of etcd stand still, one after the other': async (progress) => {
      // Servers sit at the first member: it is among them, and so is the one that leads.
      for (const n of etcd.endpoints.keys()) {
        etcd.signalMember(n, 'SIGSTOP');
        await sleep(realClock, pauseMs);
        await progress();
        etcd.signalMember(n, 'SIGCONT');
        await progress();
      }
    },
    'the servers are replaced one after the other': async (progress) => {
      for (const server of servers) {
        expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
        await progress();
        await server.start();
        await server.ready();
      }
    },
  };
  const rng = seededRng(seed);
  const rounds = Array.from({ length: isLong ? 10 : 1 }, (_, round) =>
    Object.keys(faults).map((what) => ({ what, round })),
  );

  it.each(rounds.flat())('lose nothing and tell no old news while $what (round $round)', async ({ what, round }) => {
    const run = `f${Object.keys(faults).indexOf(what)}-${round}`;
    const dials = servers.map((server) => () => server.client());
    const crowd = new Crowd(dials, { rng, run, clients: 6, keys: 5 });
    await crowd.start();
    const progress = async () => {
      const before = crowd.acknowledged;
      await expect.poll(() => crowd.acknowledged, { timeout: 120_000 }).toBeGreaterThan(before + 20);
    };
    await progress();
    await faults[what]?.(progress, Math.floor(rng.next() * servers.length));
    await progress();
    const history = await crowd.finish();
    expect(contradictions(history)).toEqual([]);
  });
});
