import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkPolicy, NetworkPolicySpec } from '../../src/api/generated/types.ts';
import { keyOf } from '../../src/api/resource.ts';
import type { RunCommand } from '../../src/host/command.ts';
import { execNft } from '../../src/nft/exec.ts';
import type { Transaction } from '../../src/nft/table.ts';
import { PolicyBook } from '../../src/policy/policy-book.ts';
import { testPod, testPolicy } from '../../src/policy/policy-fixtures.ts';
import { testService, testSlice } from '../../src/proxy/service-fixtures.ts';
import { type TestPod, TwoNodes, tcp, udp } from './two-nodes.ts';

const net = new TwoNodes(`q${process.pid}`);
const [a, b, c] = net.pods as [TestPod, TestPod, TestPod];
type Node = (typeof net.nodes)[0];
const clusterIP = '10.103.0.30';
const nodePort = 30_080;

describe('network policies on a real network', () => {
  let nodes: { node: Node; book: PolicyBook; nft: ReturnType<typeof execNft> }[];
  let near: Node;
  let far: Node;
  let applied: NetworkPolicy[] = [];

  beforeAll(async () => {
    await net.open();
    [near, far] = net.nodes as [Node, Node];
    const web = testService('web', {
      type: 'NodePort',
      clusterIP,
      ports: [{ port: 80, nodePort, protocol: 'TCP' }],
    });
    const slice = testSlice('web', [{ address: a.address, nodeName: near.name }]);
    await net.settle({ services: [web], endpointSlices: [slice] });
    nodes = net.nodes.map((node) => {
      const nft = execNft({ run: node.run }, { table: `knarr-${net.tag}-policy` });
      return { node, book: new PolicyBook({ nodeName: node.name }), nft };
    });
    for (const { book, nft } of nodes) {
      for (const pod of net.pods) book.setPod(known(pod));
      await nft.replace(book.takeContent());
    }
  });
  afterAll(() => net.close());
  afterEach(() => apply());

  const known = (pod: TestPod) =>
    testPod(pod.address, {
      uid: pod.name,
      labels: { name: pod.name },
      nodeName: net.layout.nodes[pod.node]?.name ?? '',
      ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    });
  const write = async (): Promise<Transaction[]> => {
    const all = nodes.map(({ book, nft }) => ({ nft, transaction: book.takeChanges() }));
    for (const { nft, transaction } of all) await nft.apply(transaction);
    return all.map(({ transaction }) => transaction);
  };
  /** Exactly these policies, on every node. */
  const apply = async (...specs: NetworkPolicySpec[]): Promise<void> => {
    for (const { book } of nodes) for (const policy of applied) book.removePolicy(keyOf(policy));
    applied = specs.map((spec, i) => testPolicy(`policy-${i}`, spec));
    for (const { book } of nodes) for (const policy of applied) book.setPolicy(policy);
    await write();
  };
  const just = (pod: TestPod) => ({ matchLabels: { name: pod.name } });
  const onA: NetworkPolicySpec = { podSelector: just(a), policyTypes: ['Ingress'] };
  const fromA: NetworkPolicySpec = { podSelector: just(a), policyTypes: ['Egress'] };

  const passes = async (run: RunCommand, host: string, port = 8080): Promise<boolean> => {
    const [heard = ''] = await tcp(run, host, { port, times: 1 });
    return heard !== 'TIMEOUT' && !heard.startsWith('E');
  };
  const allPass = (...tries: Promise<boolean>[]) => Promise.all(tries);

  it('without a policy let everybody through', async () => {
    expect(await allPass(passes(b.run, a.address), passes(c.run, a.address), passes(c.run, clusterIP, 80))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('deny what comes in, from pods of both nodes and from outside, but not from the node and the pod itself', async () => {
    await apply(onA);
    const denied = [passes(b.run, a.address), passes(c.run, a.address), passes(far.run, a.address)];
    const throughServices = [passes(b.run, clusterIP, 80), passes(net.host, near.address, nodePort)];
    const allowed = [passes(near.run, a.address), passes(near.run, clusterIP, 80), passes(a.run, clusterIP, 80)];
    expect(await allPass(...denied, ...throughServices)).toEqual([false, false, false, false, false]);
    expect(await allPass(...allowed)).toEqual([true, true, true]);
    expect(await allPass(passes(a.run, c.address), passes(c.run, b.address))).toEqual([true, true]);
  });

  it('let in whom they name, also by way of a service', async () => {
    await apply({ ...onA, ingress: [{ from: [{ podSelector: just(c) }], ports: [{ port: 'http' }] }] });
    expect(await allPass(passes(c.run, a.address), passes(c.run, clusterIP, 80))).toEqual([true, true]);
    expect(await allPass(passes(b.run, a.address), passes(b.run, clusterIP, 80))).toEqual([false, false]);
  });

  it('see the address of a client that comes by a NodePort of the node', async () => {
    const cidr = `${net.layout.hostAddress}/32`;
    await apply({ ...onA, ingress: [{ from: [{ ipBlock: { cidr } }], ports: [{ port: 8000, endPort: 8080 }] }] });
    expect(await passes(net.host, near.address, nodePort)).toBe(true);
    await apply({ ...onA, ingress: [{ from: [{ ipBlock: { cidr: net.layout.fabricCIDR, except: [cidr] } }] }] });
    expect(await passes(net.host, near.address, nodePort)).toBe(false);
  });

  it('deny what goes out, and what was asked for comes back', async () => {
    await apply(fromA);
    expect(await allPass(passes(a.run, b.address), passes(a.run, c.address))).toEqual([false, false]);
    expect(await udp(a.run, c.address, 8080)).toEqual(['TIMEOUT']);
    expect(await allPass(passes(b.run, a.address), passes(near.run, a.address), passes(a.run, clusterIP, 80))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('need both sides to agree', async () => {
    const toB: NetworkPolicySpec = { ...fromA, egress: [{ to: [{ podSelector: just(b) }] }] };
    const intoB = { podSelector: just(b), policyTypes: ['Ingress'] };
    await apply(toB, intoB);
    expect(await allPass(passes(a.run, b.address), passes(a.run, c.address))).toEqual([false, false]);
    await apply(toB, { ...intoB, ingress: [{ from: [{ podSelector: just(a) }] }] });
    expect(await allPass(passes(a.run, b.address), passes(c.run, b.address))).toEqual([true, false]);
  });

  it('tell protocols apart', async () => {
    await apply({ ...onA, ingress: [{ ports: [{ protocol: 'UDP', port: 8080 }] }] });
    expect(await passes(b.run, a.address)).toBe(false);
    expect(await udp(b.run, a.address, 8080)).toEqual([`a ${b.address}`]);
  });

  it('let a flow go on that was there before them', async () => {
    expect(await udp(c.run, a.address, 8080)).toEqual([`a ${c.address}`]);
    await apply(onA);
    expect(await udp(c.run, a.address, 8080)).toEqual([`a ${c.address}`]);
    expect(await udp(far.run, a.address, 8080)).toEqual(['TIMEOUT']);
  });

  it('follow a pod that comes and goes, by elements alone', async () => {
    await apply({ ...onA, ingress: [{ from: [{ podSelector: { matchLabels: { friend: 'yes' } } }] }] });
    expect(await passes(b.run, a.address)).toBe(false);
    for (const { book } of nodes) book.setPod({ ...known(b), labels: { friend: 'yes' } });
    expect((await write()).flat().map(({ op }) => op)).toEqual(['add']);
    expect(await passes(b.run, a.address)).toBe(true);
    for (const { book } of nodes) book.setPod(known(b));
    expect((await write()).flat().map(({ op }) => op)).toEqual(['delete']);
    expect(await passes(b.run, a.address)).toBe(false);
  });
});
