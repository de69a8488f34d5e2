import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes, pods, priorityclasses, replicasets } from '../../src/api/generated/resources.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import type { Cluster } from '../../src/testing/cluster.ts';
import { startCluster } from '../../src/testing/start-cluster.ts';

/** Scheduler, controllers and hollow nodes together: nothing runs, but all that is said of pods is said. */
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
});
afterEach(() => cluster.stop());

/** Of what only these pods ask for. */
const scarce = 'example.com/fakecpu';
const podOf = (name: string, amount: string, more: object) => ({
  metadata: { name, labels: { name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      { name: 'c', image: 'i', resources: { requests: { [scarce]: amount }, limits: { [scarce]: amount } } },
    ],
    ...more,
  },
});
const run = (pod: ReturnType<typeof podOf>, namespace = 'default') =>
  cluster.client.create(pods, { ...pod, metadata: { ...pod.metadata, namespace } } as never);
const offer = async (node: string, amount: string) => {
  const body = { status: { capacity: { [scarce]: amount }, allocatable: { [scarce]: amount } } };
  await cluster.client.patch(nodes, { name: node }, { type: 'merge', body }, { subresource: 'status' });
};
const placed = async (): Promise<Record<string, string | undefined>> => {
  const { items } = await cluster.client.list(pods);
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.nodeName]));
};
const classes = async (names: string[]) => {
  for (const [i, name] of names.entries())
    await cluster.client.create(priorityclasses, { metadata: { name }, value: (i + 1) * 10 });
};

describe('a full cluster', () => {
  it('makes room for a critical pod where the least important ones are', async () => {
    await classes(['low', 'medium']);
    for (const node of ['node-1', 'node-2']) await offer(node, '5');
    const on = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
    await run(podOf('low', '3', { ...on('node-1'), priorityClassName: 'low' }));
    await run(podOf('medium', '3', { ...on('node-2'), priorityClassName: 'medium' }));
    await cluster.settle();
    expect(await placed()).toEqual({ low: 'node-1', medium: 'node-2' });
    await run(podOf('critical', '3', { priorityClassName: 'system-cluster-critical' }), 'kube-system');
    await cluster.settle();
    expect(await placed()).toEqual({ critical: 'node-1', medium: 'node-2' });
    const critical = await cluster.client.get(pods, { namespace: 'kube-system', name: 'critical' });
    expect([critical.spec.priority, critical.status?.phase]).toEqual([2_000_000_000, 'Running']);
  });

  it('sends away no more pods of replica sets than it must, and each of them once', async () => {
    await classes(['p1', 'p2', 'p3', 'p4']);
    await offer('node-1', '1000');
    const made: string[] = [];
    const watch = cluster.client.watch(
      pods,
      { namespace: 'default' },
      {
        events: (all) =>
          made.push(
            ...all.flatMap(({ type, object }) => (type === 'ADDED' ? [object.metadata.labels?.name ?? ''] : [])),
          ),
        end: () => {},
      },
    );
    const on = { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } };
    for (const [name, amount, priorityClassName] of [
      ['pod1', '200', 'p1'],
      ['pod2', '300', 'p2'],
      ['pod3', '450', 'p3'],
    ] as const) {
      const { metadata, spec } = podOf(name, amount, { ...on, priorityClassName });
      await cluster.client.create(replicasets, {
        metadata: { namespace: 'default', name: `rs-${name}` },
        spec: { replicas: 1, selector: { matchLabels: metadata.labels }, template: { metadata, spec } },
      } as never);
    }
    await cluster.settle();
    expect(made.sort()).toEqual(['pod1', 'pod2', 'pod3']);
    await run(podOf('pod4', '500', { ...on, priorityClassName: 'p4' }));
    await cluster.settle();
    await cluster.advance('10m');
    const all = (await cluster.client.list(pods, { namespace: 'default' })).items;
    const phases = Object.fromEntries(all.map(({ metadata, status }: Pod) => [metadata.labels?.name, status?.phase]));
    // The sets made others for those that went, which have to wait.
    expect(phases).toEqual({ pod1: 'Pending', pod2: 'Pending', pod3: 'Running', pod4: 'Running' });
    expect(made.sort()).toEqual(['pod1', 'pod1', 'pod2', 'pod2', 'pod3', 'pod4']);
    watch.stop();
  });
});
