import { beforeEach, describe, expect, it } from 'vitest';
import { endpointslices, services } from '../api/generated/resources.ts';
import type { KubeObject, Resource } from '../api/resource.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client, WatchEvent, WatchSink } from '../client/client.ts';
import { informersFor } from '../client/informers.ts';
import type { StaleFlow } from './flows.ts';
import { FakeNft } from '../nft/fake.ts';
import { ServiceProxy } from './proxy.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

/** A client whose lists and watches the test feeds. */
class FedClient {
  readonly lists = new Map<string, KubeObject[]>();
  readonly sinks = new Map<string, WatchSink>();

  async list(resource: Resource) {
    return { items: this.lists.get(resource.resource) ?? [], metadata: { resourceVersion: '1' } };
  }

  watch(resource: Resource, _: unknown, sink: WatchSink) {
    this.sinks.set(resource.resource, sink);
    return { stop() {} };
  }

  send(resource: Resource, ...batch: WatchEvent[]) {
    this.sinks.get(resource.resource)?.events(batch);
  }
}

const web = testService('web', { clusterIP: '10.96.0.20', ports: [{ port: 53, protocol: 'UDP' }] });
const at = (version: string, addresses: string[]) => {
  const slice = testSlice('web', addresses);
  return { ...slice, metadata: { ...slice.metadata, resourceVersion: version } };
};

describe('ServiceProxy', () => {
  const clock = new VirtualClock();
  let client: FedClient;
  let nft: FakeNft;
  let flows: StaleFlow[];
  let proxy: ServiceProxy;

  beforeEach(async () => {
    client = new FedClient();
    client.lists.set('services', [web]);
    client.lists.set('endpointslices', [at('1', ['10.244.0.1'])]);
    nft = new FakeNft();
    flows = [];
    const informers = informersFor(client as unknown as Client, { clock, rng: seededRng(1), log: silentLog });
    const removeFlows = async (stale: readonly StaleFlow[]) => void flows.push(...stale);
    proxy = new ServiceProxy({ informers, nft, removeFlows, clock, log: silentLog }, { node: testNode });
    proxy.start();
    informers.start();
    await clock.advance(1);
    await proxy.ready;
  });

  it('writes the whole table once, when both lists are there', async () => {
    expect(nft.transactions).toBe(1);
    expect(await nft.list('endpoints')).toEqual(new Map([['10.96.0.20 . udp . 53 . 0', '10.244.0.1 . 8080']]));
  });

  it('joins the changes of a turn into one transaction and forgets stale UDP flows', async () => {
    client.send(endpointslices, { type: 'MODIFIED', object: at('2', ['10.244.0.2']) });
    client.send(endpointslices, { type: 'MODIFIED', object: at('3', ['10.244.0.3']) });
    await clock.advance(1);
    expect(nft.transactions).toBe(2);
    expect(await nft.list('endpoints')).toEqual(new Map([['10.96.0.20 . udp . 53 . 0', '10.244.0.3 . 8080']]));
    expect(flows).toEqual([{ address: '10.96.0.20', port: 53, endpoint: '10.244.0.1' }]);
  });

  it('replaces the table after a failure, also when somebody removed it', async () => {
    await nft.remove();
    client.send(endpointslices, { type: 'MODIFIED', object: at('2', ['10.244.0.2']) });
    await clock.advance(1000);
    expect(await nft.list('endpoints')).toEqual(new Map([['10.96.0.20 . udp . 53 . 0', '10.244.0.2 . 8080']]));
  });

  it('moves NodePorts with the addresses of the node', async () => {
    const object = testService('np', {
      clusterIP: '10.96.0.21',
      type: 'NodePort',
      ports: [{ port: 80, nodePort: 30080 }],
    });
    client.send(services, { type: 'ADDED', object });
    proxy.setAddresses(['192.0.2.5']);
    await clock.advance(1);
    expect([...((await nft.list('no-endpoints')) ?? []).keys()]).toContain('192.0.2.5 . tcp . 30080');
  });

  it('changes nothing more once stopped, and leaves the table', async () => {
    proxy.stop();
    client.send(endpointslices, { type: 'MODIFIED', object: at('2', ['10.244.0.2']) });
    await clock.advance(1000);
    expect(nft.transactions).toBe(1);
    expect(nft.table).toBeDefined();
  });
});
