import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpoints, endpointslices, leases } from '../../api/generated/resources.ts';
import type { Lease } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';
import { IdentityKeeper } from './server-identity.ts';
import { identityLabel, leaseName, registered, sightingsOf, slicesOfService } from './server-registry.ts';

const identity = (n: number, port = 6443) => ({ hostname: 'host', incarnation: `i${n}`, address: `10.0.0.${n}`, port });

describe('the servers of a cluster', () => {
  let server: TestServer;
  let clock: VirtualClock;
  const keeper = (n: number, at: VirtualClock = clock, port?: number) =>
    new IdentityKeeper({ client: server.admin, clock: at, log: silentLog }, identity(n, port));
  const addresses = async () => {
    const key = { namespace: 'default', name: 'kubernetes' };
    const { subsets } = await server.admin.get(endpoints, key);
    const { items } = await server.admin.list(endpointslices, slicesOfService);
    const listed = subsets?.flatMap((subset) => subset.addresses?.map(({ ip }) => ip) ?? []);
    expect(items.flatMap((slice) => slice.endpoints?.flatMap(({ addresses }) => addresses))).toEqual(listed);
    expect(items.flatMap(({ ports }) => ports)).toEqual(subsets?.flatMap(({ ports }) => ports));
    return listed;
  };
  beforeEach(async () => {
    clock = new VirtualClock();
    server = await startTestServer();
  });
  afterEach(() => server.close());

  it('are what the kubernetes service leads to: who comes, who stops, who dies', async () => {
    const [one, two] = [keeper(1), keeper(2)];
    await one.start();
    expect(await addresses()).toEqual(['10.0.0.1']);
    await two.start();
    expect(await addresses()).toEqual(['10.0.0.1', '10.0.0.2']);
    // The third has a clock of its own, which stands still: it is killed after its first word.
    await keeper(3, new VirtualClock()).start();
    await clock.advance(10_000);
    await expect.poll(addresses).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await clock.advance(20_000);
    await expect.poll(addresses).toEqual(['10.0.0.1', '10.0.0.2']);
    await one.stop();
    expect(await addresses()).toEqual(['10.0.0.2']);
    await two.stop();
  });

  it('may have ports of their own, as on one machine', async () => {
    const [one, two] = [keeper(1), keeper(2, clock, 7443)];
    await one.start();
    await two.start();
    expect(await addresses()).toEqual(['10.0.0.1', '10.0.0.2']);
    await one.stop();
    expect(await addresses()).toEqual(['10.0.0.2']);
    await two.stop();
  });

  it('say who they are in a lease, and are forgotten an hour after their last word', async () => {
    const one = keeper(1);
    await one.start();
    await keeper(3, new VirtualClock()).start();
    const all = async () =>
      (await server.admin.list(leases, { labelSelector: `${identityLabel}=kube-apiserver` })).items;
    const [lease] = await all();
    expect(lease?.metadata.name).toMatch(/^apiserver-[a-z2-7]{26}$/);
    expect(lease?.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'host' });
    expect(lease?.spec).toMatchObject({ leaseDurationSeconds: 3600, holderIdentity: `${lease?.metadata.name}_i1` });
    await clock.advance(3_600_000);
    expect(await all()).toHaveLength(2);
    await clock.advance(30_000);
    expect((await all()).map(({ metadata }) => metadata.name)).toEqual([leaseName(identity(1))]);
    await one.stop();
  }, 60_000);

  it('are judged by the observer’s clock alone', () => {
    const lease = (version: string): Lease => ({
      metadata: { name: 'a', resourceVersion: version, annotations: { 'knarr.dev/api-endpoint': '10.0.0.1:6443' } },
      // Its server’s clock is years behind.
      spec: { renewTime: '2001-01-01T00:00:00.000000Z' },
    });
    const first = sightingsOf([lease('1')], new Map(), 1000);
    expect(registered([lease('1')], first, 15_000).endpoints).toEqual(['10.0.0.1:6443']);
    expect(registered([lease('1')], sightingsOf([lease('1')], first, 16_000), 16_000).endpoints).toEqual([]);
    expect(registered([lease('2')], sightingsOf([lease('2')], first, 16_000), 16_000).endpoints).toHaveLength(1);
  });
});
