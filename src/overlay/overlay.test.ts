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
import { type OverlayNode, overlayNodeOf, planRoutes, type Route, routeLines } from './route-plan.ts';
import type { Routes } from './routes.ts';
import { forwardingLines, tunnelId, tunnelLines } from './tunnel-plan.ts';

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
  { device: 'eth1', address: '192.0.2.9', prefixLength: 24, mtu: 1400 },
  { device: 'eth0', address: '172.30.0.11', prefixLength: 24, mtu: 1500 },
];
const tunnel = { device: 'kn-test', id: tunnelId('10.244.0.0/16') };
const route = (ordinal: number): Route => ({
  destination: `10.244.${ordinal}.0/24`,
  via: `172.30.0.1${ordinal}`,
  device: 'eth0',
});

describe('planRoutes', () => {
  it('leads to every other node over the link they share', () => {
    expect(planRoutes([of(1), of(2), of(3)], { name: 'node-1', links, tunnel })).toEqual({
      routes: [route(2), route(3)],
      mtu: 1500,
    });
  });

  const far = { name: 'far', podCIDR: '10.244.9.0/24', address: '198.51.100.1' };

  it('leads to a node elsewhere through a tunnel, with room for its envelope', () => {
    const plan = planRoutes([of(1), of(2), far], { name: 'node-1', links, tunnel });
    expect(plan).toEqual({
      mtu: 1450,
      routes: [route(2), { destination: '10.244.9.0/24', via: '10.244.9.0', device: 'kn-test' }],
      tunnel: {
        device: 'kn-test',
        id: 0x0af400,
        local: '172.30.0.11',
        mac: '0a:58:0a:f4:01:00',
        gateway: '10.244.1.0',
        mtu: 1450,
        peers: [{ mac: '0a:58:0a:f4:09:00', gateway: '10.244.9.0', address: '198.51.100.1' }],
      },
    });
    const wanted = plan.tunnel ?? expect.fail();
    const set = [
      'link set kn-test mtu 1450 up',
      'addr replace 10.244.1.0/32 dev kn-test',
      'neigh replace 10.244.9.0 lladdr 0a:58:0a:f4:09:00 dev kn-test nud permanent',
    ];
    const add =
      'link add kn-test address 0a:58:0a:f4:01:00 type vxlan id 717824 local 172.30.0.11 dstport 8472 nolearning noudpcsum';
    const device = 'kn-test';
    expect(tunnelLines(undefined, { device, wanted })).toEqual([add, ...set]);
    expect(tunnelLines(wanted, { device, wanted })).toEqual(set);
    expect(tunnelLines({ ...wanted, local: '172.30.0.99' }, { device, wanted })).toEqual([
      'link del kn-test',
      add,
      ...set,
    ]);
    expect(tunnelLines({ ...wanted, hasChecksum: true }, { device, wanted })).toEqual([
      'link del kn-test',
      add,
      ...set,
    ]);
    expect(tunnelLines(wanted, { device, wanted: undefined })).toEqual(['link del kn-test']);
    expect(tunnelLines(undefined, { device, wanted: undefined })).toEqual([]);
    expect(forwardingLines(wanted)).toEqual([
      'fdb replace 0a:58:0a:f4:09:00 dev kn-test dst 198.51.100.1 self permanent',
    ]);
  });

  it("leads a neighbour of the server's machine to the nodes inside of it", () => {
    const serverMachine = { block: '172.30.0.0/24', address: '192.0.2.1' };
    const self = { ...far, address: '192.0.2.9' };
    const { routes, mtu } = planRoutes([self, of(2)], { name: 'far', links: links.slice(0, 1), tunnel, serverMachine });
    expect(mtu).toBe(1350);
    expect(routes).toEqual([
      { destination: '172.30.0.0/24', via: '192.0.2.1', device: 'eth1' },
      { destination: '10.244.2.0/24', via: '10.244.2.0', device: 'kn-test' },
    ]);
    // The nodes inside need no way to where they are, nor does one beyond a router.
    for (const name of ['node-2']) {
      const inside = [{ device: 'eth0', address: '172.30.0.12', prefixLength: 24, mtu: 1500 }];
      const plan = planRoutes([self, of(2)], { name, links: inside, tunnel, serverMachine });
      expect(plan.routes).toEqual([{ destination: '10.244.9.0/24', via: '10.244.9.0', device: 'kn-test' }]);
    }
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
      'route replace 10.244.3.0/24 via 172.30.0.13 dev eth0 onlink proto 107',
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
    tunnel: async () => undefined,
    forward: async () => {},
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
    const options = { nodeName: 'node-1', networkName: 'knarr-test', cniConfDir: folder, cniDataDir: '/data', tunnel };
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
    expect(applied).toEqual([['route replace 10.244.2.0/24 via 172.30.0.12 dev eth0 onlink proto 107']]);
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

  it('looks at its routes again when its node is Ready again: they may have gone with a link', async () => {
    const ready = (since: string): Node => ({
      ...nodeObject(1),
      metadata: { ...nodeObject(1).metadata, resourceVersion: since },
      status: { ...nodeObject(1).status, conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] },
    });
    const overlay = start([ready('2026-01-01T00:00:00Z'), nodeObject(2)]);
    await clock.advance(1);
    await overlay.ready;
    expect(applied).toHaveLength(1);
    sink?.events([{ type: 'MODIFIED', object: ready('2026-01-01T00:05:00Z') }]);
    await clock.advance(1);
    expect(applied).toHaveLength(2);
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
    await expect
      .poll(() => applied)
      .toEqual([['route replace 10.244.3.0/24 via 172.30.0.13 dev eth0 onlink proto 107']]);
    overlay.stop();
  });
});
