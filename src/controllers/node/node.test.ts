import { describe, expect, it } from 'vitest';
import { events, leases, nodes, pods } from '../../api/generated/resources.ts';
import type { Pod, Taint } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { podManifest, testCluster } from '../test-cluster.ts';
import { microTimeText, timeText } from '../time-text.ts';
import { networksOf } from './pod-cidr.ts';
import { evictionTime } from './taint-eviction.ts';

type Cluster = ReturnType<typeof testCluster>;
const lifecycle = ['node.lifecycle', 'node.taint-eviction', 'pod.garbage'];

async function makeNode(cluster: Cluster, name: string): Promise<void> {
  const node = await cluster.client.create(nodes, { metadata: { name } });
  const now = timeText(cluster.clock.now());
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  await cluster.client.update(nodes, { ...node, status: { conditions: [condition] } }, { subresource: 'status' });
  const spec = { holderIdentity: name, renewTime: microTimeText(cluster.clock.now()) };
  await cluster.client.create(leases, { metadata: { name, namespace: 'kube-node-lease' }, spec });
}

/** The nodes renew every ten seconds for a while. */
async function live(cluster: Cluster, names: readonly string[], seconds: number): Promise<void> {
  for (let s = 0; s < seconds; s += 10) {
    const body = { spec: { renewTime: microTimeText(cluster.clock.now()) } };
    for (const name of names)
      await cluster.client.patch(leases, { namespace: 'kube-node-lease', name }, { type: 'merge', body });
    await cluster.settle(10_000);
  }
}

async function makePod(cluster: Cluster, name: string, node: string, tolerationSeconds?: number): Promise<void> {
  const manifest = podManifest(name, {});
  const tolerations = ['not-ready', 'unreachable'].map((key) => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }));
  const spec = { ...manifest.spec, nodeName: node, ...(tolerationSeconds === undefined ? {} : { tolerations }) };
  const pod = await cluster.client.create(pods, { ...manifest, spec } as Manifest<Pod>);
  await cluster.setPodReady(pod);
}

const taintsOf = async (cluster: Cluster, name: string) =>
  ((await cluster.client.get(nodes, { name })).spec?.taints ?? []).map((t) => `${t.key}:${t.effect}`);

describe('node.pod-cidr', () => {
  it('gives every node its own network, and a freed one again', async () => {
    const cluster = testCluster({ only: ['node.pod-cidr'], podCidr: '10.244.0.0/16' });
    for (const name of ['a', 'b', 'c']) await cluster.client.create(nodes, { metadata: { name } });
    await cluster.settle();
    const cidrs = async () => (await cluster.client.list(nodes)).items.map((n) => n.spec?.podCIDR);
    expect(new Set(await cidrs())).toEqual(new Set(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']));
    expect(await cluster.writesOfRestart()).toEqual([]);
    const [first] = (await cluster.client.list(nodes)).items;
    await cluster.client.delete(nodes, { name: first?.metadata.name ?? '' });
    await cluster.settle();
    await cluster.client.create(nodes, { metadata: { name: 'd' } });
    await cluster.settle();
    expect((await cluster.client.get(nodes, { name: 'd' })).spec).toEqual({
      podCIDR: first?.spec?.podCIDR,
      podCIDRs: [first?.spec?.podCIDR],
    });
    cluster.stop();
  });

  it('cuts an IPv4 network into /24', () => {
    const { count, at } = networksOf('10.1.254.0/23');
    expect(Array.from({ length: count }, (_, i) => at(i))).toEqual(['10.1.254.0/24', '10.1.255.0/24']);
    expect(networksOf('192.168.0.0/16').count).toBe(256);
    expect(() => networksOf('10.0.0.0/30')).toThrow('no IPv4 network');
  });
});

describe('node.lifecycle', () => {
  it('leaves a node that renews alone', async () => {
    const cluster = testCluster({ only: lifecycle });
    await makeNode(cluster, 'n');
    await live(cluster, ['n'], 300);
    expect(await taintsOf(cluster, 'n')).toEqual([]);
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('marks a silent node, moves its pods after their toleration, and takes it back', async () => {
    const cluster = testCluster({ only: lifecycle });
    for (const name of ['n', 'other']) await makeNode(cluster, name);
    await makePod(cluster, 'patient', 'n', 60);
    await makePod(cluster, 'hasty', 'n', 0);
    await live(cluster, ['n', 'other'], 60);
    await live(cluster, ['other'], 30);
    await cluster.settle(5_000);
    expect(await taintsOf(cluster, 'n')).toEqual([]);
    await live(cluster, ['other'], 10);
    expect(await taintsOf(cluster, 'n')).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    const node = await cluster.client.get(nodes, { name: 'n' });
    expect(node.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    const state = async () =>
      Object.fromEntries(
        (await cluster.podList()).map((p) => [
          p.metadata.name,
          [p.metadata.deletionTimestamp !== undefined, p.status?.conditions?.find((c) => c.type === 'Ready')?.status],
        ]),
      );
    expect(await state()).toEqual({ hasty: [true, 'False'], patient: [false, 'False'] });
    await live(cluster, ['other'], 70);
    expect((await state()).patient?.[0]).toBe(true);
    const reasons = (await cluster.client.list(events)).items.map((e) => e.reason);
    expect(reasons).toEqual(expect.arrayContaining(['RegisteredNode', 'NodeNotReady', 'TaintManagerEviction']));
    const [ready] = node.status?.conditions ?? [];
    const back = { ...ready, status: 'True', reason: 'KubeletReady', lastHeartbeatTime: timeText(cluster.clock.now()) };
    const body = { status: { conditions: [back] } };
    await cluster.client.patch(nodes, { name: 'n' }, { type: 'merge', body }, { subresource: 'status' });
    await cluster.settle();
    expect(await taintsOf(cluster, 'n')).toEqual([]);
    cluster.stop();
  });

  it('gives no node up where all are lost, and says so of those it had given up', async () => {
    const cluster = testCluster({ only: lifecycle });
    for (const name of ['a', 'b']) await makeNode(cluster, name);
    await makePod(cluster, 'hasty', 'b', 0);
    await live(cluster, ['a'], 40);
    await cluster.settle(15_000);
    expect(await taintsOf(cluster, 'b')).toContain('node.kubernetes.io/unreachable:NoExecute');
    await cluster.settle(60_000);
    for (const name of ['a', 'b'])
      expect(await taintsOf(cluster, name)).toEqual(['node.kubernetes.io/unreachable:NoSchedule']);
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('lets a pod bear a taint that says not since when it is there, for its time, and no longer', async () => {
    const cluster = testCluster({ only: lifecycle });
    await makeNode(cluster, 'n');
    const bears = { key: 'leave', operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 5 };
    const manifest = podManifest('goes', {});
    const spec = { ...manifest.spec, nodeName: 'n', tolerations: [bears] };
    await cluster.client.create(pods, { ...manifest, spec } as Manifest<Pod>);
    const taint = (taints: object[] | null) =>
      cluster.client.patch(nodes, { name: 'n' }, { type: 'merge', body: { spec: { taints } } });
    await taint([{ key: 'leave', value: 'now', effect: 'NoExecute' }]);
    await cluster.settle(4000);
    await taint(null);
    await cluster.settle(4000);
    await taint([{ key: 'leave', value: 'now', effect: 'NoExecute' }]);
    await cluster.settle(4000);
    const goes = async () => (await cluster.podList()).find((p) => p.metadata.name === 'goes');
    expect((await goes())?.metadata.deletionTimestamp).toBeUndefined();
    await cluster.settle(2000);
    expect((await goes())?.metadata.deletionTimestamp).toBeDefined();
    cluster.stop();
  });

  it('removes the pods of a node that is no more', async () => {
    const cluster = testCluster({ only: lifecycle });
    await makeNode(cluster, 'n');
    await makePod(cluster, 'p', 'n');
    await cluster.client.delete(nodes, { name: 'n' });
    await cluster.settle(30_000);
    expect(await cluster.podNames()).toEqual(['p']);
    await cluster.settle(15_000);
    expect(await cluster.podNames()).toEqual([]);
    cluster.stop();
  });
});

describe('evictionTime', () => {
  const taint: Taint = { key: 'k', value: 'v', effect: 'NoExecute', timeAdded: '1970-01-01T00:00:10Z' };
  const pod = (...tolerations: object[]) => ({ metadata: { name: 'p' }, spec: { tolerations } }) as unknown as Pod;
  it('is now, later or never', () => {
    expect(evictionTime(pod(), [taint], 42_000)).toBe(42_000);
    expect(evictionTime(pod({ key: 'k', value: 'v', tolerationSeconds: 5 }), [taint], 0)).toBe(15_000);
    expect(evictionTime(pod({ operator: 'Exists' }), [taint], 0)).toBeUndefined();
    expect(evictionTime(pod({ key: 'k', value: 'other' }), [taint], 7)).toBe(7);
    expect(evictionTime(pod(), [{ ...taint, effect: 'NoSchedule' }], 0)).toBeUndefined();
  });
});
