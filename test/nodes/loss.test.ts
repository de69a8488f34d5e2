import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Node, Pod } from '../../src/api/generated/types.ts';
import { listOf, service } from '../e2e/manifests.ts';
import { containerProcesses, fetchText, RealCluster } from '../lifecycle/real-cluster.ts';

const labels = { app: 'short' };
const lost = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
/** Pods that are given up three seconds after their node. */
const manifest = listOf([
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'short' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          tolerations: lost.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 })),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [{ name: 'c', image: 'knarr.local/demo:1', ports: [{ name: 'http', containerPort: 8080 }] }],
        },
      },
    },
  },
  service('short', { selector: labels, ports: [{ port: 80, targetPort: 'http' }] }),
]);

// As https://kubernetes.io/docs/concepts/architecture/nodes/ tells it, with real cables pulled.
describe('a node that is lost', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.watched('n-loss');
    await cluster.up('--no-demo', '--nodes', '3');
    const file = join(cluster.userHome, 'short.json');
    writeFileSync(file, manifest);
    await cluster.kubectl('apply', '-f', file);
    await cluster.kubectl('rollout', 'status', 'deployment', 'short', '--timeout=240s');
  });
  afterAll(() => cluster.purge());

  const pods = async (): Promise<Pod[]> => (await cluster.object<{ items: Pod[] }>('pods', '-l', 'app=short')).items;
  const podsOn = async (node: string) => (await pods()).filter(({ spec }) => spec?.nodeName === node);
  const node = (name: string) => cluster.object<Node>('node', name);
  const taints = async (name: string) =>
    ((await node(name)).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
  const ready = async (name: string) => (await node(name)).status.conditions?.find(({ type }) => type === 'Ready');
  const isReady = async (name: string) =>
    (await cluster.object<Pod>('pod', name)).status.conditions?.find(({ type }) => type === 'Ready')?.status;
  const events = async (reason: string) =>
    (await cluster.object<{ items: Event[] }>('events', '-A', '--field-selector', `reason=${reason}`)).items.map(
      ({ involvedObject, message }) => `${involvedObject.kind} ${involvedObject.name}: ${message}`,
    );
  const address = async () =>
    (await cluster.object<{ spec: { clusterIP: string } }>('service', 'short')).spec.clusterIP;
  /** Every answer of many is from one of these pods. */
  const expectOnly = async (names: string[]) => {
    const at = await address();
    const seen = new Set<string>();
    for (let i = 0; i < 30; i++) seen.add(await fetchText(at));
    expect([...seen].sort()).toEqual(names.sort());
  };

  it('by a cut link: unknown, tainted, its pods replaced, while they run on where nobody sees them', async () => {
    const [there] = await podsOn('node2');
    const { name, uid } = there?.metadata ?? expect.fail();
    const before = (await containerProcesses('n-loss')).filter((line) => line.includes('/node2/'));
    await cluster.ok('node partition', 'node2');

    await cluster.kubectl('wait', 'node/node2', '--for=condition=Ready=Unknown', '--timeout=240s');
    expect(await ready('node2')).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    // kubectl wait does not count a condition that is older than the deletion, which follows soon.
    await expect.poll(() => isReady(name), { timeout: 120_000 }).toBe('False');
    expect(await taints('node2')).toEqual([
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    expect(await events('NodeNotReady')).toContain('Node node2: Node node2 status is now: NodeNotReady');

    // Three seconds later it is given up; another one takes its place, and it cannot end while nobody tells its node.
    await cluster.kubectl('wait', `pod/${name}`, '--for=jsonpath={.metadata.deletionTimestamp}', '--timeout=120s');
    await cluster.kubectl('rollout', 'status', 'deployment', 'short', '--timeout=120s');
    expect(await events('TaintManagerEviction')).toContain(`Pod ${name}: Marking for deletion Pod default/${name}`);
    const now = await pods();
    expect(now.find(({ metadata }) => metadata.uid === uid)?.status.phase).toBe('Running');
    const others = now.filter(({ metadata }) => metadata.uid !== uid);
    expect(others).toHaveLength(3);
    expect(others.map(({ spec }) => spec?.nodeName)).not.toContain('node2');
    await expectOnly(others.map(({ metadata }) => metadata.name));
    expect(await containerProcesses('n-loss')).toEqual(expect.arrayContaining(before));
    expect((await cluster.status()).nodes).toContainEqual(expect.objectContaining({ name: 'node2', cutOff: true }));

    await cluster.ok('node heal', 'node2');
    await cluster.kubectl('wait', 'node/node2', '--for=condition=Ready', '--timeout=240s');
    // Now it hears of it.
    await cluster.kubectl('wait', `pod/${name}`, '--for=delete', '--timeout=120s');
    await expect.poll(() => taints('node2'), { timeout: 120_000 }).toEqual([]);
    await expect
      .poll(async () => (await containerProcesses('n-loss')).filter((line) => line.includes(uid ?? '')), {
        timeout: 120_000,
      })
      .toEqual([]);
    // It takes pods again.
    await cluster.kubectl('scale', 'deployment', 'short', '--replicas=6');
    await cluster.kubectl('rollout', 'status', 'deployment', 'short', '--timeout=240s');
    expect((await podsOn('node2')).length).toBeGreaterThan(0);
  });

  it('by its end: its pods are replaced; started again it comes back with its address, and lets go of them', async () => {
    const before = await node('node3');
    const gone = (await podsOn('node3')).map(({ metadata }) => metadata.name);
    expect(gone.length).toBeGreaterThan(0);
    // A pod that nobody evicts: it has five minutes.
    const patient = { spec: { nodeName: 'node3', terminationGracePeriodSeconds: 1 } };
    const image = ['--image', 'knarr.local/busybox:1', '--overrides', JSON.stringify(patient)];
    await cluster.kubectl('run', 'patient', ...image, '--', 'sleep', '3600');
    await cluster.kubectl('wait', 'pod/patient', '--for=condition=Ready', '--timeout=120s');

    await cluster.ok('node stop', 'node3');
    expect((await containerProcesses('n-loss')).filter((line) => line.includes('/node3/'))).toEqual([]);
    await cluster.kubectl('wait', 'node/node3', '--for=condition=Ready=Unknown', '--timeout=240s');
    for (const name of gone)
      await cluster.kubectl('wait', `pod/${name}`, '--for=jsonpath={.metadata.deletionTimestamp}', '--timeout=120s');
    await cluster.kubectl('rollout', 'status', 'deployment', 'short', '--timeout=120s');
    const others = (await pods()).filter(({ metadata }) => !metadata.deletionTimestamp);
    expect(others).toHaveLength(6);
    await expectOnly(others.map(({ metadata }) => metadata.name));

    await cluster.ok('node start', 'node3');
    const after = await node('node3');
    expect([after.metadata.uid, after.spec.podCIDR, after.status.addresses]).toEqual([
      before.metadata.uid,
      before.spec.podCIDR,
      before.status.addresses,
    ]);
    for (const name of gone) await cluster.kubectl('wait', `pod/${name}`, '--for=delete', '--timeout=120s');
    await cluster.kubectl('wait', 'pod/patient', '--for=condition=Ready', '--timeout=240s');
    const { status } = await cluster.object<Pod>('pod', 'patient');
    expect(status.containerStatuses?.[0]).toMatchObject({ restartCount: 1, lastState: { terminated: {} } });
    expect(await cluster.status()).toMatchObject({ healthy: true, problems: [] });
  });
});
