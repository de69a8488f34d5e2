import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Service } from '../../src/api/generated/types.ts';
import { execAnnounce } from '../../src/proxy/announcer.ts';
import type { ServiceState } from '../../src/proxy/render.ts';
import { testService, testSlice } from '../../src/proxy/service-fixtures.ts';
import { type TestPod, TwoNodes, tcp, udp } from './two-nodes.ts';

const net = new TwoNodes(`p${process.pid}`);
const { host } = net;
const [a, b, c] = net.pods as [TestPod, TestPod, TestPod];
type Node = (typeof net.nodes)[0];

describe('services on a real network', () => {
  beforeAll(() => net.open());
  afterAll(() => net.close());

  const namesOf = (replies: string[]) => [...new Set(replies.map((reply) => reply.split(' ')[0]))].sort();

  const web = testService('web', {
    type: 'NodePort',
    clusterIP: '10.103.0.20',
    ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
  });
  const sticky = testService('sticky', { clusterIP: '10.103.0.21', sessionAffinity: 'ClientIP' });
  const dns = testService('dns', { clusterIP: '10.103.0.22', ports: [{ port: 53, protocol: 'UDP' }] });
  const none = testService('none', { clusterIP: '10.103.0.23' });
  const services = [web, sticky, dns, none];
  const endpoints = (...chosen: TestPod[]) =>
    chosen.map((pod) => ({ address: pod.address, nodeName: net.layout.nodes[pod.node]?.name }));
  const state = (slices: Record<string, TestPod[]>, over: typeof services = services): ServiceState => ({
    services: over,
    endpointSlices: Object.entries(slices).map(([name, chosen]) => testSlice(name, endpoints(...chosen))),
  });

  it('reaches all endpoints from a pod, which keeps its address', async () => {
    await net.settle(state({ web: [a, b, c] }));
    const replies = await tcp(a.run, '10.103.0.20', { times: 40 });
    expect(namesOf(replies)).toEqual(['a', 'b', 'c']);
    expect(replies.filter((r) => !r.startsWith('a')).every((r) => r.endsWith(a.address))).toBe(true);
  });

  it('reaches a pod through the service it is the only endpoint of', async () => {
    await net.settle(state({ web: [a] }));
    const [reply] = await tcp(a.run, '10.103.0.20', { times: 1 });
    expect(reply).toMatch(/^a /);
    expect(reply).not.toContain(a.address);
  });

  it('serves the node and the host, by ClusterIP and by NodePort of either node', async () => {
    await net.settle(state({ web: [a, c] }));
    const [one, two] = net.nodes as [Node, Node];
    expect(namesOf(await tcp(one.run, '10.103.0.20'))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, '10.103.0.20'))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, one.address, { port: 30080 }))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, two.address, { port: 30080 }))).toEqual(['a', 'c']);
  });

  it('refuses at once what has no endpoints, and what no service has', async () => {
    await net.settle(state({}));
    for (const run of [a.run, (net.nodes[0] ?? expect.fail()).run, host]) {
      const replies = await Promise.all([
        tcp(run, '10.103.0.23', { times: 1 }),
        tcp(run, '10.103.0.20', { port: 81, times: 1 }),
        tcp(run, '10.103.99.99', { times: 1 }),
        tcp(run, net.layout.nodes[0]?.address ?? '', { port: 30080, times: 1 }),
      ]);
      expect(replies.flat()).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
    }
  });

  it("with externalTrafficPolicy Local shows the client to this node's endpoints, and drops where there are none", async () => {
    const local = { ...web, spec: { ...web.spec, externalTrafficPolicy: 'Local' as const } };
    await net.settle(state({ web: [a] }, [local, ...services.slice(1)]));
    const replies = await tcp(host, net.layout.nodes[0]?.address ?? '', { port: 30080 });
    expect(new Set(replies)).toEqual(new Set([`a ${net.layout.hostAddress}`]));
    expect(await tcp(host, net.layout.nodes[1]?.address ?? '', { port: 30080, times: 1 })).toEqual(['TIMEOUT']);
    const fromPod = await tcp(c.run, net.layout.nodes[1]?.address ?? '', { port: 30080, times: 2 });
    expect(namesOf(fromPod)).toEqual(['a']);
    await net.settle(state({}));
  });

  it('keeps a client with its endpoint while others go, and finds it another when that goes', async () => {
    await net.settle(state({ sticky: [a, b, c] }));
    const client = c.run;
    const [chosen] = namesOf(await tcp(client, '10.103.0.21'));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([chosen]);
    const kept = net.pods.find((pod) => pod.name === chosen) ?? expect.fail();
    const other = net.pods.find((pod) => pod !== kept) ?? expect.fail();
    await net.settle(state({ sticky: [other, kept] }));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([chosen]);
    await net.settle(state({ sticky: [other] }));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([other.name]);
  });

  it('moves a UDP client that keeps its port to an endpoint that lives', async () => {
    const client = c.run;
    await net.settle(state({ dns: [a] }));
    expect(namesOf(await udp(client, '10.103.0.22', 53))).toEqual(['a']);
    await net.settle(state({ dns: [b] }));
    expect(namesOf(await udp(client, '10.103.0.22', 53))).toEqual(['b']);
  });

  describe('an address of a load balancer', () => {
    const address = () => net.layout.loadBalancerCIDR.replace('.0/24', '.5');
    const balanced = (spec: Partial<Service['spec']> = {}) =>
      testService(
        'balanced',
        { type: 'LoadBalancer', clusterIP: '10.103.0.24', ...spec },
        { status: { loadBalancer: { ingress: [{ ip: address(), ipMode: 'VIP' }] } } },
      );
    const announceAt = async (chosen: Node | undefined) => {
      const pool = net.layout.loadBalancerCIDR;
      for (const node of net.nodes) {
        const announce = execAnnounce({ run: node.run }, { nodeAddress: node.address, pool });
        await announce(new Set(node.name === chosen?.name ? [address()] : []));
      }
    };

    it('is answered by one node on the link, and by another at once when that takes it over', async () => {
      const [one, two] = net.nodes as [Node, Node];
      const local = balanced({ externalTrafficPolicy: 'Local' });
      await net.settle(state({ balanced: [a] }, [local]));
      await announceAt(one);
      const own = [`a ${net.layout.hostAddress}`];
      expect(await tcp(host, address(), { times: 1 })).toEqual(own);
      await net.settle(state({ balanced: [c] }, [local]));
      await announceAt(two);
      expect(await tcp(host, address(), { times: 1 })).toEqual([`c ${net.layout.hostAddress}`]);
      await announceAt(undefined);
      for (const { run } of [one, two])
        expect((await run({ program: 'ip', args: ['addr', 'show'] })).stdout).not.toContain(address());
    });

    it('is reached by pods and nodes, whoever answers for it, and only from its source ranges', async () => {
      const [one, two] = net.nodes as [Node, Node];
      await announceAt(one);
      await net.settle(state({ balanced: [a, c] }, [balanced()]));
      for (const run of [b.run, c.run, one.run, two.run, host]) {
        expect(namesOf(await tcp(run, address()))).toEqual(['a', 'c']);
      }
      const onlyHost = balanced({ loadBalancerSourceRanges: [`${net.layout.hostAddress}/32`, '10.237.1.0/24'] });
      await net.settle(state({ balanced: [a, c] }, [onlyHost]));
      const heard = await Promise.all([host, b.run, c.run].map((run) => tcp(run, address(), { times: 1 })));
      expect(heard.map(([reply]) => reply?.split(' ')[0])).toEqual([
        expect.stringMatching(/^[ac]$/),
        expect.stringMatching(/^[ac]$/),
        'TIMEOUT',
      ]);
      await announceAt(undefined);
    });

    it('is refused at once without endpoints', async () => {
      await announceAt(net.nodes[0]);
      await net.settle(state({}, [balanced()]));
      for (const run of [host, a.run]) expect(await tcp(run, address(), { times: 1 })).toEqual(['ECONNREFUSED']);
      await announceAt(undefined);
    });
  });
});
