import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodes, pods, services } from '../../src/api/generated/resources.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import type { Manifest } from '../../src/api/resource.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRng } from '../../src/base/rng.ts';
import { type AdminClient, adminClient, eventually } from '../../src/cluster/admin-client.ts';
import { busyboxImage } from '../../src/cluster/images/base-images.ts';
import { type ClusterLayout, nodeDir } from '../../src/cluster/layout.ts';
import { nodeServiceName, serverServiceName } from '../../src/cluster/services.ts';
import { isAlive, readIdentity, settled, signal } from '../../src/host/recorded-process.ts';
import { RealCluster } from '../lifecycle/real-cluster.ts';
import { isLong, seed } from './campaign.ts';

const kills = isLong ? 30 : 4;
const namespace = 'default';
const node = 'node1';
const isDemo = (pod: Pod) => pod.metadata.labels?.app === 'demo';
const isReady = (pod: Pod) => pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

/** A pod that starts, is probed by exec, and ends when told. */
const churn = (name: string): Manifest<Pod> => ({
  metadata: { name, namespace, labels: { app: 'churn' } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: busyboxImage,
        command: ['/bin/busybox', 'sh', '-c', 'trap exit TERM; while :; do /bin/busybox sleep 1; done'],
        readinessProbe: { exec: { command: ['/bin/busybox', 'true'] }, periodSeconds: 1 },
      },
    ],
  },
});

describe('a node, killed at any moment', () => {
  const rng = seededRng(seed);
  let cluster: RealCluster;
  let layout: ClusterLayout;
  let admin: AdminClient;
  let before: string[];
  /** Calls of the demo service that failed, from the first moment to the last. */
  const unserved: string[] = [];
  let served = 0;
  let isOver = false;
  let watching: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    cluster = new RealCluster('ktnode');
    await cluster.ok('up', '--demo');
    layout = await cluster.layout();
    admin = await adminClient(layout, { clock: realClock, rng, log: silentLog });
    before = await demoContainers();
    watching = callDemo();
  });
  afterAll(async () => {
    isOver = true;
    await watching;
    admin?.close();
    await cluster.purge();
  });

  const all = async () => (await admin.client.list(pods, { namespace })).items;
  /** Which containers the demo has, since when, how often restarted. */
  const demoContainers = async () =>
    (await all())
      .filter(isDemo)
      .flatMap((pod) => pod.status.containerStatuses ?? [])
      .map((c) => `${c.containerID} ${c.state?.running?.startedAt} ${c.restartCount}`)
      .sort();

  async function callDemo(): Promise<void> {
    const { spec } = await admin.client.get(services, { namespace, name: 'demo' });
    while (!isOver) {
      const answer = await fetch(`http://${spec.clusterIP}/`, { signal: AbortSignal.timeout(5000) }).catch(
        (error: Error) => String(error.cause),
      );
      if (typeof answer !== 'string' && answer.ok) served += 1;
      else
        unserved.push(
          `${expect.getState().currentTestName?.split('>').at(-1)}: ${typeof answer === 'string' ? answer : answer.status}`,
        );
      if (typeof answer !== 'string') await answer.text();
      await sleep(realClock, 20);
    }
  }

  /** Removes what earlier rounds made. */
  async function clear(): Promise<void> {
    for (const pod of await all()) {
      if (!isDemo(pod)) await admin.client.delete(pods, { namespace, name: pod.metadata.name });
    }
    await converged([]);
  }
  afterEach(clear);

  /** Kills a program by its record and waits for its end. */
  async function kill(pidFile: string): Promise<number> {
    const identity = await readIdentity(pidFile);
    if (!identity) throw new Error(`${pidFile} names no process: ${readFileSync(pidFile, 'utf8')}`);
    signal(identity.pid, 'SIGKILL');
    expect(await settled(realClock, 5000, async () => !(await isAlive(identity)))).toBe(true);
    return identity.pid;
  }
  const agentFile = () => join(layout.runDir, `${nodeServiceName(node)}.pid`);
  const supervisorFile = (service: string) => join(layout.runDir, `${service}.supervisor.pid`);
  const containerdFile = () => join(nodeDir(layout, node), 'containerd/containerd.pid');

  /** Until every pod that should be there is Ready, no other is left, and the node says so too. */
  async function converged(names: readonly string[], timeoutMs = 300_000): Promise<void> {
    await eventually(realClock, { what: `pods ${names.join(' ')}: ${agentLog()}`, timeoutMs }, async () => {
      const list = (await all()).filter((pod) => !isDemo(pod));
      const good = list.length === names.length && list.every((pod) => names.includes(pod.metadata.name));
      return (good && list.every(isReady)) || undefined;
    });
  }
  const agentLog = () => readFileSync(join(layout.logDir, `${nodeServiceName(node)}.log`), 'utf8').slice(-1500);

  it('kill -9 of the agent while pods start and end: containers stay as they are, pods converge', async () => {
    let present: string[] = [];
    for (let round = 0; round < kills; round++) {
      const made = [`churn-${round}a`, `churn-${round}b`];
      const removed = present;
      await Promise.all(made.map((name) => admin.client.create(pods, churn(name))));
      await Promise.all(removed.map((name) => admin.client.delete(pods, { namespace, name })));
      await sleep(realClock, rng.next() * 2500);
      await kill(agentFile());
      await converged(made);
      present = made;
      const restarted = (await all())
        .flatMap((pod) => pod.status.containerStatuses ?? [])
        .filter((c) => c.restartCount);
      expect(restarted, `seed ${seed}, round ${round}`).toEqual([]);
      expect(await demoContainers()).toEqual(before);
    }
  });

  it('kill -9 of containerd: pods go on, the agent starts it again and takes everything over', async () => {
    const first = await kill(containerdFile());
    await eventually(realClock, { what: 'another containerd', timeoutMs: 30_000 }, async () => {
      const now = await readIdentity(containerdFile());
      return (now && now.pid !== first && (await isAlive(now))) || undefined;
    });
    await admin.client.create(pods, churn('after-containerd'));
    await converged(['after-containerd']);
    const [demo] = (await all()).filter(isDemo);
    const echo = ['exec', demo?.metadata.name ?? '', '--', '/bin/busybox', 'echo', 'here'];
    expect(await cluster.kubectl(...echo)).toBe('here\n');
    expect(await demoContainers()).toEqual(before);
  });

  it('kill -9 of both together', async () => {
    await Promise.all([kill(containerdFile()), kill(agentFile())]);
    await admin.client.create(pods, churn('after-both'));
    await converged(['after-both']);
    expect(await demoContainers()).toEqual(before);
  });

  it.each([
    ['the supervisors', false],
    ['the supervisors and all that they supervise', true],
  ])('kill -9 of %s: up repairs everything', async (_what, programsToo) => {
    for (const service of [serverServiceName, nodeServiceName(node)]) {
      await kill(supervisorFile(service));
      if (programsToo) await kill(join(layout.runDir, `${service}.pid`));
    }
    if (programsToo) await kill(containerdFile());
    await cluster.ok('up');
    const running = (await cluster.processes()).map(({ args }) => args.join(' '));
    const count = (part: RegExp) => running.filter((args) => part.test(args) && !args.startsWith('/bin/sh')).length;
    expect([count(/knarr\.js server/), count(/knarr\.js agent/), count(/containerd -c/)]).toEqual([1, 1, 1]);
    await admin.client.create(pods, churn('after-up'));
    await converged(['after-up']);
    await admin.client.delete(pods, { namespace, name: 'after-up' });
    await converged([]);
    expect(await demoContainers()).toEqual(before);
    expect((await admin.client.get(nodes, { name: node })).status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'True' }),
    );
  });

  it('the service was served all the time', () => {
    expect(unserved).toEqual([]);
    expect(served).toBeGreaterThan(100);
  });
});
