import { describe, expect, it } from 'vitest';
import { endpointslices, endpoints, nodes, pods, services } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import { podManifest, testCluster } from '../test-cluster.ts';

const key = { namespace: 'default', name: 'web' };
type Cluster = ReturnType<typeof testCluster>;
const setUp = () => testCluster({ only: ['endpointslice.service', 'endpoints.service'] });
const makeService = (cluster: Cluster, spec: object = {}) =>
  cluster.client.create(services, {
    metadata: { ...key, labels: { team: 'a' } },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...spec },
  });
async function makePod(cluster: Cluster, name: string, ready = true): Promise<Pod> {
  const pod = await cluster.client.create(pods, podManifest(name, { app: 'web' }));
  await cluster.setPodReady(pod, ready);
  return cluster.client.get(pods, keyOf(pod));
}
const slices = async (cluster: Cluster) => (await cluster.client.list(endpointslices)).items;
const legacy = (cluster: Cluster) => cluster.client.get(endpoints, key);

describe('endpointslice.service and endpoints.service', () => {
  it('list pods with their state and the numbers of named ports', async () => {
    const cluster = setUp();
    const service = await makeService(cluster);
    const up = await makePod(cluster, 'up');
    const down = await makePod(cluster, 'down', false);
    await cluster.client.create(pods, podManifest('other', { app: 'other' }));
    await cluster.settle();
    const [slice, ...more] = await slices(cluster);
    expect(more).toEqual([]);
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      metadata: {
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', uid: service.metadata.uid, controller: true }],
      },
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    });
    const seen = Object.fromEntries(slice?.endpoints?.map((e) => [e.targetRef?.name, e]) ?? []);
    expect(seen.up).toMatchObject({
      addresses: [up.status?.podIP],
      conditions: { ready: true, serving: true, terminating: false },
    });
    expect(seen.down?.conditions).toEqual({ ready: false, serving: false, terminating: false });
    expect((await legacy(cluster)).subsets).toMatchObject([
      {
        addresses: [{ ip: up.status?.podIP, targetRef: { kind: 'Pod', name: 'up' } }],
        notReadyAddresses: [{ ip: down.status?.podIP }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ]);
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });

  it('say whom ready endpoints are for, where the service prefers those that are near', async () => {
    const cluster = setUp();
    const zoned = { metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'x' } }, spec: {} };
    await cluster.client.create(nodes, zoned);
    await makeService(cluster, { trafficDistribution: 'PreferSameNode' });
    for (const [name, isReady] of [
      ['up', true],
      ['down', false],
    ] as const) {
      const manifest = podManifest(name, { app: 'web' });
      await cluster.client.create(pods, { ...manifest, spec: { ...manifest.spec, nodeName: 'node-1' } });
      await cluster.setPodReady(await cluster.client.get(pods, { namespace: 'default', name }), isReady);
    }
    await cluster.settle();
    const hints = async () => {
      const [slice] = await slices(cluster);
      return Object.fromEntries(slice?.endpoints?.map((e) => [e.targetRef?.name, e.hints]) ?? []);
    };
    expect(await hints()).toEqual({ up: { forZones: [{ name: 'x' }], forNodes: [{ name: 'node-1' }] } });
    for (const trafficDistribution of ['PreferClose', 'PreferSameZone']) {
      await cluster.client.patch(services, key, { type: 'merge', body: { spec: { trafficDistribution } } });
      await cluster.settle();
      expect(await hints()).toEqual({ up: { forZones: [{ name: 'x' }] } });
    }
    await cluster.client.patch(services, key, { type: 'merge', body: { spec: { trafficDistribution: null } } });
    await cluster.settle();
    expect(await hints()).toEqual({});
    cluster.stop();
  });

  it('follow pods that become ready, end, or are going', async () => {
    const cluster = setUp();
    await makeService(cluster);
    const a = await makePod(cluster, 'a', false);
    const b = await makePod(cluster, 'b');
    const bound = { apiVersion: 'v1', kind: 'Binding', metadata: keyOf(b), target: { kind: 'Node', name: 'n' } };
    await cluster.client.createSubresource(pods, keyOf(b), 'binding', bound);
    await cluster.setPodReady(a);
    await cluster.client.delete(pods, keyOf(b));
    await cluster.settle();
    const conditions = Object.fromEntries(
      (await slices(cluster))[0]?.endpoints?.map((e) => [e.targetRef?.name, e.conditions]) ?? [],
    );
    expect(conditions).toEqual({
      a: { ready: true, serving: true, terminating: false },
      b: { ready: false, serving: true, terminating: true },
    });
    expect((await legacy(cluster)).subsets?.[0]?.addresses?.map((e) => e.targetRef?.name)).toEqual(['a']);
    const live = await cluster.client.get(pods, keyOf(a));
    await cluster.client.update(
      pods,
      { ...live, status: { ...live.status, phase: 'Succeeded' } },
      { subresource: 'status' },
    );
    await cluster.client.delete(pods, keyOf(b), { gracePeriodSeconds: 0 });
    await cluster.settle();
    expect((await slices(cluster)).flatMap((s) => s.endpoints ?? [])).toEqual([]);
    expect((await legacy(cluster)).subsets ?? []).toEqual([]);
    cluster.stop();
  });

  it('split at a hundred, fill gaps before making more, and end with the service', async () => {
    const cluster = setUp();
    await makeService(cluster);
    for (let i = 0; i < 150; i++) await makePod(cluster, `p${i}`);
    await cluster.settle();
    const sizes = async () => (await slices(cluster)).map((s) => s.endpoints?.length ?? 0).sort((a, b) => a - b);
    const total = async () => (await sizes()).reduce((a, b) => a + b, 0);
    expect(await total()).toBe(150);
    expect(Math.max(...(await sizes()))).toBeLessThanOrEqual(100);
    const count = (await sizes()).length;
    await cluster.client.delete(pods, { namespace: 'default', name: 'p0' });
    await makePod(cluster, 'late');
    await cluster.settle();
    expect([await total(), (await sizes()).length]).toEqual([150, count]);
    await cluster.client.delete(services, key);
    await cluster.settle();
    expect(await slices(cluster)).toEqual([]);
    expect((await cluster.client.list(endpoints)).items).toEqual([]);
    cluster.stop();
  });

  it('publish unready addresses when asked, mark headless services, and keep out of services without selector', async () => {
    const cluster = setUp();
    await makeService(cluster, { publishNotReadyAddresses: true, clusterIP: 'None' });
    await cluster.client.create(services, {
      metadata: { name: 'manual', namespace: 'default' },
      spec: { ports: [{ port: 1 }] },
    });
    await makePod(cluster, 'down', false);
    await cluster.settle();
    const [slice, ...more] = await slices(cluster);
    expect(more).toEqual([]);
    expect(slice?.metadata.labels?.['service.kubernetes.io/headless']).toBe('');
    expect(slice?.endpoints?.[0]?.conditions).toMatchObject({ ready: true, serving: false });
    expect((await legacy(cluster)).subsets?.[0]?.addresses).toHaveLength(1);
    cluster.stop();
  });
});
