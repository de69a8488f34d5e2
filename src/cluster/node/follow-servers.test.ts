import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointslices } from '../../api/generated/resources.ts';
import type { EndpointSlice } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeTransport } from '../../client/fake.ts';
import { informersFor } from '../../client/informers.ts';
import { ServerList } from '../../client/server-list.ts';
import { createClient } from '../../client/typed-client.ts';
import { followServers, rememberedServers, serversOf } from './follow-servers.ts';

const slice = (addresses: string[], service = 'kubernetes'): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: service,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': service },
  },
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-servers-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the servers that a node knows', () => {
  it('are those behind the kubernetes service', () => {
    const stopped = slice(['10.0.0.9']);
    stopped.endpoints = [{ addresses: ['10.0.0.9'], conditions: { ready: false } }];
    expect(serversOf([slice(['10.0.0.6', '10.0.0.5']), slice(['10.0.0.5']), stopped])).toEqual([
      'https://10.0.0.5:6443',
      'https://10.0.0.6:6443',
    ]);
  });

  it('follow the service, and are there again after a restart', async () => {
    const place = { dir, server: 'https://10.0.0.5:6443' };
    expect(await rememberedServers(place)).toEqual([place.server]);
    const clock = new VirtualClock();
    const rng = seededRng(1);
    const client = createClient(new FakeTransport({ clock, rng }));
    const first = await client.create(endpointslices, slice(['10.0.0.5']));
    const informers = informersFor(client, { clock, rng, log: silentLog });
    const servers = new ServerList([place.server]);
    followServers({ clock: realClock, informers, log: silentLog }, servers, place);
    informers.start();
    await informers.waitForSync();
    await client.create(endpointslices, slice(['10.0.0.7'], 'web'));
    await client.update(endpointslices, { ...first, endpoints: slice(['10.0.0.5', '10.0.0.6']).endpoints });
    await expect.poll(() => servers.hasOthers).toBe(true);
    await expect.poll(() => rememberedServers(place)).toEqual([place.server, 'https://10.0.0.6:6443']);
    servers.failed(place.server);
    expect(servers.current).toBe('https://10.0.0.6:6443');
    informers.stop();
  });
});
