import { access } from 'node:fs/promises';
import { csidrivers, nodes } from '../../api/generated/resources.ts';
import type { CSIDriverSpec, CSIVolumeSource, PersistentVolume, Pod, Volume } from '../../api/generated/types.ts';
import { type Clock, realClock, sleep } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { FakeTransport } from '../../client/fake.ts';
import { createClient } from '../../client/typed-client.ts';
import { PodPaths } from '../pod-paths.ts';
import { createCsi, type Csi } from './csi.ts';
import { inlineMount, mountOfVolume } from './csi-mount.ts';
import { FakeDriver, type FakeDriverOptions } from './fake-driver.ts';

export const driverName = 'disk.example.com';
export const nodeName = 'n1';

export const podOf = (uid: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: `pod-${uid}`, namespace: 'ns', uid },
  spec: { serviceAccountName: 'sa', containers: [{ name: 'c' }], ...spec },
  status: {},
});

export const volumeOf = (spec: Partial<PersistentVolume['spec']['csi']> = {}, more: object = {}): PersistentVolume => ({
  metadata: { name: 'pv-1' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    csi: { driver: driverName, volumeHandle: 'vol/1', volumeAttributes: { size: 'big' }, ...spec },
    ...more,
  },
  status: {},
});

/** A node's folder, an API server's storage and a driver; sockets are real, what is mounted is what `isMounted` says. */
export class CsiWorld {
  /** The time is so much later than it is: sockets need the real one to go on. */
  laterMs = 0;
  /** Timers come so many times sooner. */
  haste = 1;
  /** What is to come again and again. */
  readonly timers: { delayMs: number; run: () => void }[] = [];
  readonly clock: Clock = {
    now: () => realClock.now() + this.laterMs,
    after: (delayMs, run, options) => {
      if (!options?.background) return realClock.after(delayMs / this.haste, run);
      this.timers.push({ delayMs, run });
      return () => {};
    },
  };
  readonly transport = new FakeTransport({ clock: realClock, rng: seededRng(1) });
  readonly client = createClient(this.transport);
  readonly woken: string[] = [];
  readonly drivers: FakeDriver[] = [];
  readonly root: string;
  /** Whether something is mounted on a path. */
  isMounted = (_path: string): boolean => false;
  csi!: Csi;
  /** Told whenever the node uses something else. */
  changed = (): void => {};
  /** `reason: message` of what was said of pods. */
  readonly said: string[] = [];

  constructor(root: string) {
    this.root = root;
  }

  async start(): Promise<void> {
    const { client, clock } = this;
    if (!(await client.get(nodes, { name: nodeName }).catch(() => undefined)))
      await client.create(nodes, { metadata: { name: nodeName }, spec: {}, status: {} });
    this.csi = await createCsi({
      ...{ client, clock, log: silentLog, nodeName, paths: new PodPaths(this.root) },
      tokens: {
        tokenStatus: async ({ metadata }, { audience }) => ({
          ...{ token: `${metadata.uid} at ${audience}`, expirationTimestamp: '2027-01-01T00:00:00Z' },
        }),
      },
      isMounted: async (path) => this.isMounted(path),
      changed: () => this.changed(),
      recorder: {
        event: (about, _, reason, message) => {
          if ((about as Pod).kind === 'Pod') this.said.push(`${reason}: ${message}`);
        },
      },
      wake: (uids) => this.woken.push(...uids),
    });
    await this.csi.start();
  }

  /** As the agent does when it is killed: nothing is undone. */
  async restart(): Promise<void> {
    this.csi.stop();
    await this.start();
  }

  async rules(spec: CSIDriverSpec): Promise<void> {
    await this.client.create(csidrivers, { metadata: { name: driverName }, spec });
  }

  /** Resolves when the node has taken the driver in, or refused it. */
  async driver(options: Partial<FakeDriverOptions> = {}): Promise<FakeDriver> {
    const driver = new FakeDriver({ root: this.root, ...options });
    this.drivers.push(driver);
    await this.register(driver);
    return driver;
  }

  async register(driver: FakeDriver): Promise<void> {
    const before = driver.answers.length;
    await driver.start();
    await until(() => driver.answers.length > before);
  }

  mount(pod: Pod, volume: PersistentVolume = volumeOf(), signal?: AbortSignal): Promise<string> {
    const mount = mountOfVolume({ pod, volume: { name: 'data' } as Volume, readOnly: false }, volume);
    return this.csi.volumes.mount(mount, signal);
  }

  inline(pod: Pod, source: Partial<CSIVolumeSource> = {}): Promise<string> {
    return this.csi.volumes.mount(inlineMount(pod, { name: 'scratch', csi: { driver: driverName, ...source } }));
  }

  async stop(): Promise<void> {
    this.csi.stop();
    for (const driver of this.drivers) await driver.stop();
  }
}

/** Waits for what happens in sockets and folders. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(realClock, 2);
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
