import { describe, expect, it } from 'vitest';
import type { NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicySpec } from '../api/generated/types.ts';
import { FakeNft, type FakeTable } from '../nft/fake.ts';
import { tracePacket, type VirtualPacket } from '../nft/packet-tracer.ts';
import { testPod, testPolicy } from './policy-fixtures.ts';
import type { PolicyPod } from './policy-pod.ts';
import { render } from './render.ts';

const nodeAddress = '172.30.0.11';
const outsider = '203.0.113.7';
const http = { name: 'http', protocol: 'tcp', port: 8080 };
const db = testPod('10.244.0.1', { labels: { app: 'db' }, ports: [http] });
const web = testPod('10.244.0.2', { labels: { app: 'web' } });
const far = testPod('10.244.1.3', { labels: { app: 'web' }, nodeName: 'node-2', ports: [{ ...http, port: 9090 }] });
const stranger = testPod('10.244.1.4', { namespace: 'other', labels: { app: 'web' }, nodeName: 'node-2' });
const pods = [db, web, far, stranger];
const namespaces: [string, Record<string, string>][] = [
  ['default', { 'kubernetes.io/metadata.name': 'default' }],
  ['other', { 'kubernetes.io/metadata.name': 'other', team: 'x' }],
];

async function tableOf(policies: NetworkPolicy[], known: PolicyPod[] = pods): Promise<FakeTable> {
  const nft = new FakeNft();
  await nft.replace(render({ policies, pods: known, namespaces }, { nodeName: 'node-1' }));
  return nft.table ?? expect.fail();
}

type Packet = Partial<VirtualPacket> & { source: string; destination: string };

const passes = (table: FakeTable, packet: Packet, isKnown = false): boolean =>
  tracePacket([table], { port: 8080, ...packet }, { localAddresses: [nodeAddress], isKnown }).fate === 'delivered';

/** Who of all reaches the pod. */
const reach = (table: FakeTable, destination: string, packet: Partial<VirtualPacket> = {}): string[] =>
  [db, web, far, stranger, { address: outsider }]
    .map(({ address }) => address)
    .filter((source) => passes(table, { source, destination, ...packet }));

const everybody = [db.address, web.address, far.address, stranger.address, outsider];
const onDb = (ingress: NetworkPolicyIngressRule[]) =>
  testPolicy('db', { podSelector: { matchLabels: { app: 'db' } }, ingress, policyTypes: ['Ingress'] });

describe('ingress', () => {
  it('restricts nobody who is not selected, and nobody on other nodes', async () => {
    const table = await tableOf([onDb([])]);
    expect(reach(table, web.address)).toEqual(everybody);
    const onFar = testPolicy('far', { podSelector: {}, ingress: [] }, 'other');
    expect(reach(await tableOf([onFar]), stranger.address)).toEqual(everybody);
  });

  it('without rules lets nobody in but the pod itself and the node', async () => {
    const table = await tableOf([onDb([])]);
    expect(reach(table, db.address)).toEqual([db.address]);
    expect(passes(table, { source: nodeAddress, destination: db.address })).toBe(true);
  });

  it('lets what was let through go on, and answers come back', async () => {
    const table = await tableOf([onDb([])]);
    expect(passes(table, { source: outsider, destination: db.address }, true)).toBe(true);
  });

  it('with an empty rule lets everybody in', async () => {
    expect(reach(await tableOf([onDb([{}])]), db.address)).toEqual(everybody);
  });

  it.each<[string, NetworkPolicyIngressRule['from'], string[]]>([
    ['pods of its own namespace', [{ podSelector: { matchLabels: { app: 'web' } } }], [web.address, far.address]],
    ['all pods of its own namespace', [{ podSelector: {} }], [web.address, far.address]],
    ['pods of chosen namespaces', [{ namespaceSelector: { matchLabels: { team: 'x' } } }], [stranger.address]],
    ['pods of all namespaces', [{ namespaceSelector: {} }], [web.address, far.address, stranger.address]],
    [
      'chosen pods of chosen namespaces',
      [{ namespaceSelector: { matchLabels: { team: 'x' } }, podSelector: { matchLabels: { app: 'db' } } }],
      [],
    ],
    [
      'one or the other',
      [{ namespaceSelector: { matchLabels: { team: 'x' } } }, { podSelector: { matchLabels: { app: 'web' } } }],
      [web.address, far.address, stranger.address],
    ],
    [
      'expressions',
      [{ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] } }],
      [web.address, far.address],
    ],
    ['a block', [{ ipBlock: { cidr: '203.0.113.0/24' } }], [outsider]],
    [
      'a block without an exception',
      [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.1.0/24'] } }],
      [web.address, outsider],
    ],
    ['a block that is all exception', [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }], []],
  ])('lets in %s', async (_, from, expected) => {
    expect(reach(await tableOf([onDb([{ from }])]), db.address)).toEqual([db.address, ...expected]);
  });

  it.each<[string, NetworkPolicyIngressRule['ports'], string[]]>([
    ['a number', [{ port: 80 }], ['tcp 80']],
    ['a protocol', [{ protocol: 'UDP' }], ['udp 80', 'udp 8080', 'udp 90']],
    ['SCTP', [{ protocol: 'SCTP', port: 80 }], ['sctp 80']],
    ['a range', [{ port: 80, endPort: 90 }], ['tcp 80', 'tcp 90']],
    ['several', [{ port: 80 }, { port: 90, protocol: 'UDP' }], ['tcp 80', 'udp 90']],
    ['a name', [{ port: 'http' }], ['tcp 8080']],
    ['a name of another protocol', [{ port: 'http', protocol: 'UDP' }], []],
    ['a name that the pod does not have', [{ port: 'nothing' }], []],
  ])('lets in by %s of a port', async (_, ports, expected) => {
    const table = await tableOf([onDb([{ ports }])]);
    const tried = ['tcp', 'udp', 'sctp'].flatMap((protocol) => [80, 8080, 90].map((port) => ({ protocol, port })));
    const passed = tried.filter((packet) => passes(table, { source: outsider, destination: db.address, ...packet }));
    expect(passed.map(({ protocol, port }) => `${protocol} ${port}`)).toEqual(expected);
  });

  it('asks for peer and port of one rule together, not of two', async () => {
    const table = await tableOf([
      onDb([
        { from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 80 }] },
        { from: [{ ipBlock: { cidr: `${outsider}/32` } }], ports: [{ port: 90 }] },
      ]),
    ]);
    const from = (source: string) =>
      [80, 90].filter((port) => passes(table, { source, destination: db.address, port }));
    expect(from(web.address)).toEqual([80]);
    expect(from(outsider)).toEqual([90]);
  });

  it('adds up what several policies allow', async () => {
    const other = testPolicy('all', {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: `${outsider}/32` } }] }],
    });
    const table = await tableOf([onDb([{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }]), other]);
    expect(reach(table, db.address)).toEqual([db.address, web.address, far.address, outsider]);
    expect(reach(table, web.address)).toEqual([web.address, outsider]);
  });

  it('is what a policy without types means, when it says nothing of egress', async () => {
    const table = await tableOf([testPolicy('both', { podSelector: {} })]);
    expect(reach(table, db.address)).toEqual([db.address]);
    expect(passes(table, { source: db.address, destination: outsider })).toBe(true);
    const withEgress = await tableOf([testPolicy('both', { podSelector: {}, egress: [{ ports: [{ port: 53 }] }] })]);
    expect(passes(withEgress, { source: db.address, destination: outsider })).toBe(false);
  });
});

describe('egress', () => {
  const fromDb = (egress: NetworkPolicySpec['egress']) =>
    testPolicy('db', { podSelector: { matchLabels: { app: 'db' } }, egress, policyTypes: ['Egress'] });
  const targets = (table: FakeTable, packet: Partial<VirtualPacket> = {}) =>
    [...everybody, nodeAddress].filter((destination) => passes(table, { source: db.address, destination, ...packet }));

  it('without rules lets nothing out, not even to the node', async () => {
    const table = await tableOf([fromDb([])]);
    expect(targets(table)).toEqual([db.address]);
    expect(reach(table, db.address)).toEqual(everybody);
    expect(passes(table, { source: db.address, destination: nodeAddress }, true)).toBe(true);
  });

  it('lets out to peers and ports', async () => {
    const table = await tableOf([
      fromDb([{ to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 80 }] }]),
    ]);
    expect(targets(table, { port: 80 })).toEqual([db.address, web.address, far.address]);
    expect(targets(table)).toEqual([db.address]);
  });

  it('finds the port of a name in each peer', async () => {
    const table = await tableOf([fromDb([{ to: [{ namespaceSelector: {} }], ports: [{ port: 'http' }] }])]);
    expect(targets(table, { port: 9090 })).toEqual([db.address, far.address]);
    expect(targets(table, { port: 8080 })).toEqual([db.address]);
  });

  it('needs both sides to agree', async () => {
    const out = fromDb([{ to: [{ podSelector: { matchLabels: { app: 'web' } } }] }]);
    const into = (from: NetworkPolicyIngressRule['from']) =>
      testPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from }] });
    const refused = await tableOf([out, into([{ ipBlock: { cidr: '192.0.2.0/24' } }])]);
    expect(passes(refused, { source: db.address, destination: web.address })).toBe(false);
    const agreed = await tableOf([out, into([{ podSelector: { matchLabels: { app: 'db' } } }])]);
    expect(passes(agreed, { source: db.address, destination: web.address })).toBe(true);
    const oneWay = await tableOf([fromDb([]), into([{ podSelector: { matchLabels: { app: 'db' } } }])]);
    expect(passes(oneWay, { source: db.address, destination: web.address })).toBe(false);
  });
});
