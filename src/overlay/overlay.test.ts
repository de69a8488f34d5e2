import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node } from '../api/generated/types.ts';
import type { Resource } from '../api/resource.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client, WatchSink } from '../client/client.ts';
import { informersFor } from '../client/informers.ts';
import { writeCniConfig } from './cni-config.ts';
import { Overlay } from './overlay.ts';
import { type OverlayNode, overlayNodeOf, planHostGateways, type Route, routeLines } from './route-plan.ts';
import type { Routes } from './routes.ts';

const nodeObject = (ordinal: number, version = '1'): Node => ({
  metadata: { name: `node-${ordinal}`, uid: `uid-${ordinal}`, resourceVersion: version },
  spec: { podCIDR: `10.244.${ordinal}.0/24` },
  status: {
    addresses: [
      { type: 'Hostname', address: 'x' },
      { type: 'InternalIP', address: `172.30.0.1${ordinal}` },
    ],
  },
});
const of = (ordinal: number): OverlayNode => overlayNodeOf(nodeObject(ordinal)) ?? expect.fail();
const links = [
  { device: 'eth1', address: '192.0.2.9', prefixLength: 24 },
  { device: 'eth0', address: '172.30.0.11', prefixLength: 24 },
];
const route = (ordinal: number): Route => ({
  destination: `10.244.${ordinal}.0/24`,
  via: `172.30.0.1${ordinal}`,
  device: 'eth0',
});

describe('planHostGateways', () => {
  it('leads to every other node over the link they share', () => {
    const far = { name: 'far', podCIDR: '10.244.9.0/24', address: '198.51.100.1' };
    const plan = planHostGateways([of(1), of(2), of(3), far], { name: 'node-1', links });
    expect(plan).toEqual({ routes: [route(2), route(3)], unreachable: ['far'] });
  });

  it('waits for nodes that have no block or address yet', () => {
    expect(overlayNodeOf({ ...nodeObject(1), spec: {} })).toBeUndefined();
    expect(overlayNodeOf({ ...nodeObject(1), status: {} })).toBeUndefined();
  });
});

describe('routeLines', () => {
  it('changes only what differs', () => {
    const moved = { ...route(3), via: '172.30.0.99' };
    expect(routeLines([route(2), moved, route(4)], [route(2), route(3)])).toEqual([
      'route del 10.244.4.0/24 proto 107',
      'route replace 10.244.3.0/24 via 172.30.0.13 dev eth0 proto 107',
    ]);
    expect(routeLines([route(2)], [route(2)])).toEqual([]);
  });
});

describe('Overlay', () => {
  const clock = new VirtualClock();
  let folder: string;
  let sink: WatchSink | undefined;
  let applied: string[][];
  let failures: number;

  const fakeRoutes: Routes = {
    links: async () => links,
    listOwn: async () => [],
    enableForwarding: async () => {},
    apply: async (lines) => {
      if (failures-- > 0) throw new Error('link is down');
      applied.push([...lines]);
    },
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'knarr-overlay-'));
    applied = [];
    failures = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  function start(items: Node[]) {
    const client = {
      list: async () => ({ items, metadata: { resourceVersion: '1' } }),
      watch(_: Resource, __: unknown, s: WatchSink) {
        sink = s;
        return { stop() {} };
      },
    };
    const informers = informersFor(client as unknown as Client, { clock, rng: seededRng(1), log: silentLog });
    const options = { nodeName: 'node-1', networkName: 'knarr-test', cniConfDir: folder, cniDataDir: '/data' };
    const overlay = new Overlay({ informers, routes: fakeRoutes, clock, log: silentLog }, options);
    overlay.start();
    informers.start();
    return overlay;
  }

  it('writes the CNI configuration for its own block, and routes to the others', async () => {
    const overlay = start([nodeObject(1), nodeObject(2)]);
    await clock.advance(1);
    await overlay.ready;
    expect(await readdir(folder)).toEqual(['10-knarr.conflist']);
    const config = JSON.parse(await readFile(join(folder, '10-knarr.conflist'), 'utf8'));
    expect(config.plugins[0].ipam).toMatchObject({ dataDir: '/data', ranges: [[{ subnet: '10.244.1.0/24' }]] });
    expect(applied).toEqual([['route replace 10.244.2.0/24 via 172.30.0.12 dev eth0 proto 107']]);
    expect(await writeCniConfig(folder, config)).toBe(false);
    overlay.stop();
  });

  it('tries again after a failure', async () => {
    failures = 2;
    const overlay = start([nodeObject(1), nodeObject(2)]);
    await clock.advance(2000);
    await overlay.ready;
    expect(applied).toHaveLength(1);
    overlay.stop();
  });

  it('follows nodes that come, and does nothing for a heartbeat', async () => {
    const overlay = start([nodeObject(1)]);
    await clock.advance(1);
    await overlay.ready;
    await clock.advance(1);
    sink?.events([{ type: 'MODIFIED', object: nodeObject(1, '2') }]);
    await clock.advance(1);
    expect(applied).toEqual([]);
    sink?.events([{ type: 'ADDED', object: nodeObject(3, '3') }]);
    await clock.advance(1);
    await expect.poll(() => applied).toEqual([['route replace 10.244.3.0/24 via 172.30.0.13 dev eth0 proto 107']]);
    overlay.stop();
  });
});
