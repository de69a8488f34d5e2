import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodes, pods, services } from '../../src/api/generated/resources.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRng } from '../../src/base/rng.ts';
import { type AdminClient, adminClient, eventually } from '../../src/cluster/admin-client.ts';
import { busyboxImage } from '../../src/cluster/images/base-images.ts';
import { nodeServiceName } from '../../src/cluster/services.ts';
import { isAlive, readIdentity, settled, signal } from '../../src/host/recorded-process.ts';
import { RealCluster } from '../lifecycle/real-cluster.ts';
import { seed } from './campaign.ts';
import { SmallDisk } from './small-disk.ts';

const namespace = 'default';
const node = 'node1';

describe('the disk of a node is full', () => {
  const cluster = new RealCluster('ktdisk');
  let disk: SmallDisk;
  let admin: AdminClient;

  beforeAll(async () => {
    const dir = join(cluster.dir, 'nodes', node);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    disk = await SmallDisk.mount(300, dir);
    // A node stays under pressure for five minutes unless told.
    const settings = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
    writeFileSync(join(dir, 'kubelet.yaml'), JSON.stringify({ ...settings, evictionPressureTransitionPeriod: '2s' }));
    await cluster.ok('up', '--demo');
    admin = await adminClient(await cluster.layout(), { clock: realClock, rng: seededRng(seed), log: silentLog });
  });
  afterAll(async () => {
    admin?.close();
    await cluster.run('down');
    await disk.unmount();
    await cluster.purge();
  });

  const demo = async () =>
    (await admin.client.list(pods, { namespace, labelSelector: 'app=demo' })).items
      .flatMap((pod) => pod.status.containerStatuses ?? [])
      .map((c) => `${c.containerID} ${c.state?.running?.startedAt} ${c.restartCount}`)
      .sort();
  const pressure = (status: 'True' | 'False') =>
    eventually(realClock, { what: `DiskPressure ${status}`, timeoutMs: 60_000 }, async () => {
      const { conditions } = (await admin.client.get(nodes, { name: node })).status;
      return conditions?.some((c) => c.type === 'DiskPressure' && c.status === status) || undefined;
    });
  const late = async () => (await admin.client.get(pods, { namespace, name: 'late' })) as Pod;
  const served = async () => {
    const { spec } = await admin.client.get(services, { namespace, name: 'demo' });
    return (await fetch(`http://${spec.clusterIP}/`, { signal: AbortSignal.timeout(5000) })).status;
  };

  it('the node says so, takes no new pods, and keeps those it has', async () => {
    const before = await demo();
    disk.fill();
    await pressure('True');
    await admin.client.create(pods, {
      metadata: { name: 'late', namespace },
      spec: { containers: [{ name: 'main', image: busyboxImage, command: ['/bin/busybox', 'sleep', '1000'] }] },
    });
    await eventually(realClock, { what: 'the pod to be held back', timeoutMs: 30_000 }, async () => {
      const condition = (await late()).status.conditions?.find(({ type }) => type === 'PodScheduled');
      return condition?.message?.includes('untolerated taint') || undefined;
    });
    // An agent that has to start on it comes back, too.
    const agent = await readIdentity(join((await cluster.layout()).runDir, `${nodeServiceName(node)}.pid`));
    signal(agent?.pid ?? 0, 'SIGKILL');
    expect(agent && (await settled(realClock, 5000, async () => !(await isAlive(agent))))).toBe(true);
    const killedAtMs = Date.now();
    await eventually(realClock, { what: 'a heartbeat of the new agent', timeoutMs: 60_000 }, async () => {
      const { conditions } = (await admin.client.get(nodes, { name: node })).status;
      const ready = conditions?.find(({ type }) => type === 'Ready');
      const isNew = Date.parse(ready?.lastHeartbeatTime ?? '') > killedAtMs;
      return (isNew && ready?.status === 'True') || undefined;
    });
    expect(await demo()).toEqual(before);
    expect(await served()).toBe(200);
  });

  it('goes on when there is space again', async () => {
    const before = await demo();
    disk.free();
    await pressure('False');
    await eventually(realClock, { what: 'the pod to run', timeoutMs: 60_000 }, async () =>
      (await late()).status.phase === 'Running' ? true : undefined,
    );
    expect(await demo()).toEqual(before);
    expect(await served()).toBe(200);
  });
});
