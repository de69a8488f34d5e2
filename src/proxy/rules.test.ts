import { describe, expect, it } from 'vitest';
import type { Endpoint, EndpointSlice, Service } from '../api/generated/types.ts';
import { FakeNft, type FakeTable } from '../nft/fake.ts';
import { tracePacket, type VirtualPacket } from '../nft/packet-tracer.ts';
import { render } from './render.ts';
import { ServiceBook } from './service-book.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

const pod = '10.244.0.50';
const outsider = '203.0.113.7';

async function tableOf(services: Service[], endpointSlices: EndpointSlice[]): Promise<FakeTable> {
  const nft = new FakeNft();
  await nft.replace(render({ services, endpointSlices }, testNode));
  return nft.table ?? expect.fail();
}

const localAddresses = ['172.30.0.11', '10.96.0.10'];
const trace = (table: FakeTable, packet: Partial<VirtualPacket> & { destination: string }, chance = 0) =>
  tracePacket([table], { source: pod, port: 80, ...packet }, { localAddresses, chance: () => chance });

/** Every endpoint that packets like this one reach. */
function reached(table: FakeTable, packet: Partial<VirtualPacket> & { destination: string }): string[] {
  const steps = Array.from({ length: 200 }, (_, i) => trace(table, packet, i / 200));
  return [...new Set(steps.map((t) => (t.fate === 'delivered' ? `${t.destination}:${t.port}` : t.fate)))].sort();
}

describe('ClusterIP', () => {
  const web = testService('web', { clusterIP: '10.96.0.20' });

  it('spreads over all endpoints, keeping the pod as source', async () => {
    const table = await tableOf([web], [testSlice('web', ['10.244.0.1', '10.244.1.2', '10.244.2.3'])]);
    expect(reached(table, { destination: '10.96.0.20' })).toEqual([
      '10.244.0.1:8080',
      '10.244.1.2:8080',
      '10.244.2.3:8080',
    ]);
    expect(trace(table, { destination: '10.96.0.20' }).masqueraded).toBe(false);
  });

  it('is masqueraded for who comes from outside, and from the node', async () => {
    const table = await tableOf([web], [testSlice('web', ['10.244.0.1'])]);
    expect(trace(table, { source: outsider, destination: '10.96.0.20' })).toMatchObject({
      destination: '10.244.0.1',
      masqueraded: true,
    });
    expect(reached(table, { source: '172.30.0.11', destination: '10.96.0.20' })).toEqual(['10.244.0.1:8080']);
  });

  it('masquerades a pod that reaches itself', async () => {
    const table = await tableOf([web], [testSlice('web', [pod])]);
    expect(trace(table, { destination: '10.96.0.20' })).toMatchObject({ destination: pod, masqueraded: true });
  });

  it('is refused at once without endpoints, and on ports and addresses that no service has', async () => {
    const table = await tableOf([web], []);
    for (const source of [pod, '172.30.0.11']) {
      expect(trace(table, { source, destination: '10.96.0.20' }).fate).toBe('rejected');
      expect(trace(table, { source, destination: '10.96.0.20', port: 81 }).fate).toBe('rejected');
      expect(trace(table, { source, destination: '10.96.77.77' }).fate).toBe('rejected');
    }
  });

  it('leaves the cluster DNS on this node alone', async () => {
    const dns = testService('dns', { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] });
    const table = await tableOf([dns], []);
    const question = { destination: '10.96.0.10', port: 53, protocol: 'udp' };
    expect(reached(table, question)).toEqual(['10.96.0.10:53']);
    expect(reached(table, { ...question, source: '172.30.0.11' })).toEqual(['10.96.0.10:53']);
  });

  it('finds ports by their names and tells protocols apart', async () => {
    const both = testService('dns', {
      clusterIP: '10.96.0.30',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'dns' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 'dns-tcp' },
      ],
    });
    const slice = testSlice(
      'dns',
      ['10.244.0.9'],
      [
        { name: 'dns', port: 1053, protocol: 'UDP' },
        { name: 'dns-tcp', port: 2053, protocol: 'TCP' },
      ],
    );
    const table = await tableOf([both], [slice]);
    expect(reached(table, { destination: '10.96.0.30', port: 53, protocol: 'udp' })).toEqual(['10.244.0.9:1053']);
    expect(reached(table, { destination: '10.96.0.30', port: 53 })).toEqual(['10.244.0.9:2053']);
  });

  it('with internalTrafficPolicy Local reaches only this node, and is dropped rather than refused elsewhere', async () => {
    const local = testService('web', { clusterIP: '10.96.0.20', internalTrafficPolicy: 'Local' });
    const away = { address: '10.244.1.2', nodeName: 'node-2' };
    const mixed = await tableOf([local], [testSlice('web', ['10.244.0.1', away])]);
    expect(reached(mixed, { destination: '10.96.0.20' })).toEqual(['10.244.0.1:8080']);
    const none = await tableOf([local], [testSlice('web', [away])]);
    expect(reached(none, { destination: '10.96.0.20' })).toEqual(['dropped']);
  });

  it('reaches more endpoints than there are prepared chains', async () => {
    const addresses = Array.from({ length: 100 }, (_, i) => `10.244.0.${i + 100}`);
    const table = await tableOf([web], [testSlice('web', addresses)]);
    expect(reached(table, { destination: '10.96.0.20' })).toHaveLength(100);
  });

  it.each([
    ['headless', { clusterIP: 'None' }],
    ['an ExternalName', { type: 'ExternalName', externalName: 'example.org' } as const],
  ])('makes nothing for %s service', (_, spec) => {
    const state = { services: [testService('x', spec)], endpointSlices: [testSlice('x', ['10.244.0.1'])] };
    const { elements } = render(state, testNode);
    expect([elements.services?.size, elements['no-endpoints']?.size]).toEqual([0, 0]);
  });
});

describe('readiness', () => {
  const web = testService('web', { clusterIP: '10.96.0.20' });
  const unready = { address: '10.244.0.1', conditions: { ready: false } };
  const ending = { address: '10.244.0.2', conditions: { ready: false, serving: true, terminating: true } };
  const dead = { address: '10.244.0.3', conditions: { ready: false, serving: false, terminating: true } };

  it('uses only ready endpoints while there are any', async () => {
    const table = await tableOf([web], [testSlice('web', [unready, ending, '10.244.0.4'])]);
    expect(reached(table, { destination: '10.96.0.20' })).toEqual(['10.244.0.4:8080']);
  });

  it('falls back to those that end but still serve', async () => {
    const table = await tableOf([web], [testSlice('web', [unready, ending, dead])]);
    expect(reached(table, { destination: '10.96.0.20' })).toEqual(['10.244.0.2:8080']);
  });

  it('takes an endpoint that stands in two slices once, ready if one says so', async () => {
    const twice = [testSlice('web', [{ ...unready }]), testSlice('web', ['10.244.0.1'])];
    expect(reached(await tableOf([web], twice), { destination: '10.96.0.20' })).toEqual(['10.244.0.1:8080']);
  });
});

describe('traffic distribution', () => {
  const web = testService('web', { clusterIP: '10.96.0.20' });
  const at = (address: string, node: string, zone: string, hints: Endpoint['hints']) => ({
    ...{ address, nodeName: node, zone, hints },
  });
  const inZone = (name: string) => ({ forZones: [{ name }] });
  const onNode = (node: string, zone: string) => ({ ...inZone(zone), forNodes: [{ name: node }] });
  const reachedFrom = async (place: { name?: string; zone?: string }, endpoints: ReturnType<typeof at>[]) => {
    const nft = new FakeNft();
    const state = { services: [web], endpointSlices: [testSlice('web', endpoints)] };
    await nft.replace(render(state, { ...testNode, ...place }));
    return reached(nft.table ?? expect.fail(), { destination: '10.96.0.20' });
  };
  const [a, b, c] = ['10.244.0.1:8080', '10.244.1.2:8080', '10.244.2.3:8080'] as const;

  it('stays in the zone where that has endpoints, and goes everywhere where not', async () => {
    const endpoints = [
      at('10.244.0.1', 'node-1', 'x', inZone('x')),
      at('10.244.1.2', 'node-2', 'x', inZone('x')),
      at('10.244.2.3', 'node-3', 'y', inZone('y')),
    ];
    expect(await reachedFrom({ zone: 'x' }, endpoints)).toEqual([a, b]);
    expect(await reachedFrom({ zone: 'y' }, endpoints)).toEqual([c]);
    expect(await reachedFrom({ zone: 'z' }, endpoints)).toEqual([a, b, c]);
    expect(await reachedFrom({}, endpoints)).toEqual([a, b, c]);
  });

  it('stays on the node, then in the zone', async () => {
    const endpoints = [
      at('10.244.0.1', 'node-1', 'x', onNode('node-1', 'x')),
      at('10.244.1.2', 'node-2', 'x', onNode('node-2', 'x')),
      at('10.244.2.3', 'node-3', 'y', onNode('node-3', 'y')),
    ];
    expect(await reachedFrom({ zone: 'x' }, endpoints)).toEqual([a]);
    expect(await reachedFrom({ name: 'node-9', zone: 'x' }, endpoints)).toEqual([a, b]);
    expect(await reachedFrom({ name: 'node-9' }, endpoints)).toEqual([a, b, c]);
  });

  it('goes everywhere as soon as one endpoint is without a hint', async () => {
    const endpoints = [at('10.244.0.1', 'node-1', 'x', inZone('x')), at('10.244.2.3', 'node-3', 'y', undefined)];
    expect(await reachedFrom({ zone: 'x' }, endpoints)).toEqual([a, c]);
  });
});

describe('from outside', () => {
  const spec = { clusterIP: '10.96.0.20', ports: [{ port: 80, nodePort: 30080 }] };
  const slice = testSlice('web', ['10.244.0.1', { address: '10.244.1.2', nodeName: 'node-2' }]);

  it('reaches NodePorts, external IPs and load balancers, masqueraded', async () => {
    const web = testService(
      'web',
      { ...spec, type: 'LoadBalancer', externalIPs: ['192.0.2.80'] },
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.90' }, { ip: '192.0.2.91', ipMode: 'Proxy' }] } } },
    );
    const table = await tableOf([web], [slice]);
    const both = ['10.244.0.1:8080', '10.244.1.2:8080'];
    for (const [destination, port] of [
      ['172.30.0.11', 30080],
      ['192.0.2.80', 80],
      ['192.0.2.90', 80],
    ] as const) {
      expect(reached(table, { source: outsider, destination, port })).toEqual(both);
      expect(trace(table, { source: outsider, destination, port }).masqueraded).toBe(true);
    }
    expect(reached(table, { source: outsider, destination: '192.0.2.91' })).toEqual(['192.0.2.91:80']);
  });

  it('lets only its source ranges come to a load balancer', async () => {
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.90' }] } };
    const loadBalancerSourceRanges = ['203.0.113.0/24', '203.0.113.7/32', ' 198.51.100.1/32 '];
    const web = testService('web', { ...spec, type: 'LoadBalancer', loadBalancerSourceRanges }, { status });
    const table = await tableOf([web], [slice]);
    const balancer = { destination: '192.0.2.90' };
    for (const source of [outsider, '198.51.100.1'])
      expect(trace(table, { ...balancer, source }).fate).toBe('delivered');
    for (const source of ['198.51.100.2', pod, '172.30.0.11'])
      expect(trace(table, { ...balancer, source }).fate).toBe('dropped');
    expect(trace(table, { destination: '172.30.0.11', port: 30080, source: '198.51.100.2' }).fate).toBe('delivered');
    const everybody = { ...web, spec: { ...web.spec, loadBalancerSourceRanges: ['198.51.100.1/32', '0.0.0.0/0'] } };
    expect(trace(await tableOf([everybody], [slice]), { ...balancer, source: pod }).fate).toBe('delivered');
    const ofOtherFamily = { ...web, spec: { ...web.spec, loadBalancerSourceRanges: ['fd00::/8'] } };
    expect(trace(await tableOf([ofOtherFamily], [slice]), { ...balancer, source: pod }).fate).toBe('dropped');
  });

  it('refuses a NodePort without endpoints', async () => {
    const table = await tableOf([testService('web', { ...spec, type: 'NodePort' })], []);
    expect(reached(table, { source: outsider, destination: '172.30.0.11', port: 30080 })).toEqual(['rejected']);
  });

  it('with externalTrafficPolicy Local stays on this node and keeps the source; pods still get everything', async () => {
    const web = testService('web', { ...spec, type: 'NodePort', externalTrafficPolicy: 'Local' });
    const table = await tableOf([web], [slice]);
    const nodePort = { destination: '172.30.0.11', port: 30080 };
    expect(reached(table, { ...nodePort, source: outsider })).toEqual(['10.244.0.1:8080']);
    expect(trace(table, { ...nodePort, source: outsider }).masqueraded).toBe(false);
    expect(reached(table, nodePort)).toEqual(['10.244.0.1:8080', '10.244.1.2:8080']);
    expect(reached(table, { destination: '10.96.0.20' })).toEqual(['10.244.0.1:8080', '10.244.1.2:8080']);
  });

  it('with externalTrafficPolicy Local and nothing here drops outsiders but serves pods', async () => {
    const web = testService('web', { ...spec, type: 'NodePort', externalTrafficPolicy: 'Local' });
    const away = testSlice('web', [{ address: '10.244.1.2', nodeName: 'node-2' }]);
    const table = await tableOf([web], [away]);
    const nodePort = { destination: '172.30.0.11', port: 30080 };
    expect(reached(table, { ...nodePort, source: outsider })).toEqual(['dropped']);
    expect(reached(table, nodePort)).toEqual(['10.244.1.2:8080']);
  });

  it('masquerades pods that leave the cluster, not those that stay', async () => {
    const table = await tableOf([], []);
    expect(trace(table, { destination: outsider })).toMatchObject({ fate: 'delivered', masqueraded: true });
    expect(trace(table, { destination: '10.244.3.3' })).toMatchObject({ fate: 'delivered', masqueraded: false });
  });
});

describe('session affinity', () => {
  const sticky = testService('web', {
    clusterIP: '10.96.0.20',
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
  });
  const destination = '10.96.0.20';

  it('keeps a client with its endpoint while that lives, whatever happens to slots', async () => {
    const nft = new FakeNft();
    const addresses = ['10.244.0.1', '10.244.0.2', '10.244.0.3', '10.244.0.4'];
    const book = new ServiceBook(testNode);
    book.setService(sticky);
    book.setSlice(testSlice('web', addresses));
    await nft.replace(book.takeContent());
    const table = () => nft.table ?? expect.fail();
    expect(trace(table(), { destination }, 0.99).destination).toBe('10.244.0.4');
    expect(reached(table(), { destination })).toEqual(['10.244.0.4:8080']);
    // The first slot becomes a hole and the last one moves in: the client must not notice.
    book.setSlice(testSlice('web', addresses.slice(1)));
    await nft.apply(book.takeChanges());
    expect(reached(table(), { destination })).toEqual(['10.244.0.4:8080']);
    book.setSlice(testSlice('web', ['10.244.0.2', '10.244.0.3']));
    await nft.apply(book.takeChanges());
    expect(trace(table(), { destination }, 0).destination).toBe('10.244.0.3');
    expect(reached(table(), { destination })).toEqual(['10.244.0.3:8080']);
  });

  it('has its own chain per timeout', () => {
    const state = { services: [sticky], endpointSlices: [testSlice('web', ['10.244.0.1'])] };
    expect(render(state, testNode).elements.services?.get('10.96.0.20 . tcp . 80')).toBe('goto pick-1-sticky-600');
  });
});
