import { pods } from '../api/generated/resources.ts';
import type { Pod, PodCondition } from '../api/generated/types.ts';
import { keyOf, type Manifest } from '../api/resource.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport, type FakeWrite } from '../client/fake.ts';
import { createClient } from '../client/typed-client.ts';
import { startControllers, type StartOptions } from './controllers.ts';
import { timeText } from './time-text.ts';

/** Controllers over the in-memory transport and a virtual clock, and the hand of a kubelet where a test needs one. */
export function testCluster(options: StartOptions) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const rng = seededRng(1);
  const transport = new FakeTransport({ clock, rng });
  const client = createClient(transport);
  const start = () =>
    startControllers({ clientFor: () => client, cacheClient: client, clock, rng, log: silentLog }, options);
  let running = start();
  let lastIp = 0;
  const nextIp = () => `10.0.${Math.floor(++lastIp / 250)}.${(lastIp % 250) + 1}`;

  const settle = (ms = 1000) => clock.advance(ms);
  const podList = async (): Promise<Pod[]> => (await client.list(pods)).items;

  async function setPodReady(pod: Pod, ready = true): Promise<void> {
    const live = await client.get(pods, keyOf(pod));
    const condition: PodCondition = {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      lastTransitionTime: timeText(clock.now()),
    };
    const status = {
      ...live.status,
      phase: 'Running' as const,
      podIP: live.status?.podIP ?? nextIp(),
      conditions: [condition],
    };
    await client.update(pods, { ...live, status }, { subresource: 'status' });
  }

  return {
    clock,
    transport,
    client,
    settle,
    podList,
    setPodReady,
    podNames: async () => (await podList()).map((p) => p.metadata.name).sort(),
    /** Makes every pod that is not ready so, until nothing changes any more. */
    async runPods(): Promise<void> {
      for (let round = 0; round < 50; round++) {
        await settle();
        const waiting = (await podList()).filter(isWaiting);
        if (waiting.length === 0) return;
        for (const pod of waiting) await setPodReady(pod);
      }
      throw new Error('the pods never settled');
    },
    /** What freshly started controllers write in a world that was left alone: nothing, if they are level-driven. */
    async writesOfRestart(): Promise<FakeWrite[]> {
      await settle();
      const before = transport.writes.length;
      running.stop();
      running = start();
      await settle(5000);
      return transport.writes.slice(before).filter((w) => w.resource !== 'events');
    },
    stop: () => running.stop(),
  };
}

const isWaiting = (pod: Pod): boolean =>
  (pod.status?.phase ?? 'Pending') === 'Pending' && !pod.metadata.deletionTimestamp;

export const podTemplate = (app: string, image = 'app:1') => ({
  metadata: { name: '', labels: { app } },
  spec: { containers: [{ name: 'main', image, ports: [{ name: 'web', containerPort: 8080 }] }] },
});

export const podManifest = (name: string, labels: Record<string, string>): Manifest<Pod> => ({
  metadata: { name, namespace: 'default', labels },
  spec: podTemplate('x').spec,
});
