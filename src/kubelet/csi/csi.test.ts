import { access, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csidrivers, csinodes, nodes, secrets } from '../../api/generated/resources.ts';
import type { CSIDriverSpec, PersistentVolume, Pod, Volume } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { FakeTransport } from '../../client/fake.ts';
import { createClient } from '../../client/typed-client.ts';
import { PodPaths } from '../pod-paths.ts';
import { TokenSource } from '../volumes/token-source.ts';
import { createCsi, type Csi } from './csi.ts';
import { mountOfVolume } from './csi-mount.ts';
import { FakeDriver, type FakeDriverOptions } from './fake-driver.ts';

const driverName = 'disk.example.com';
const nodeName = 'n1';

const podOf = (uid: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: `pod-${uid}`, namespace: 'ns', uid },
  spec: { serviceAccountName: 'sa', containers: [{ name: 'c' }], ...spec },
  status: {},
});

const volumeOf = (spec: Partial<PersistentVolume['spec']['csi']> = {}, more: object = {}): PersistentVolume => ({
  metadata: { name: 'pv-1' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    csi: { driver: driverName, volumeHandle: 'vol/1', volumeAttributes: { size: 'big' }, ...spec },
    ...more,
  },
  status: {},
});

/** A node's folder, an API server's storage and a driver; sockets are real, what is mounted is what `mounted` says. */
class World {
  readonly clock: Clock = realClock;
  readonly transport = new FakeTransport({ clock: realClock, rng: seededRng(1) });
  readonly client = createClient(this.transport);
  readonly woken: string[] = [];
  readonly drivers: FakeDriver[] = [];
  readonly root: string;
  /** Paths that something is mounted on. */
  readonly mounted = new Set<string>();
  csi!: Csi;
  changes = 0;

  constructor(root: string) {
    this.root = root;
  }

  async start(): Promise<void> {
    const { client, clock } = this;
    if (!(await client.get(nodes, { name: nodeName }).catch(() => undefined)))
      await client.create(nodes, { metadata: { name: nodeName }, spec: {}, status: {} });
    this.csi = await createCsi({
      ...{ client, clock, log: silentLog, nodeName, paths: new PodPaths(this.root) },
      tokens: new TokenSource({ client, clock }),
      isMounted: async (path) => this.mounted.has(path),
      changed: () => this.changes++,
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

  async stop(): Promise<void> {
    this.csi.stop();
    for (const driver of this.drivers) await driver.stop();
  }
}

/** Waits for what happens in sockets and folders. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 2));
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('volumes of CSI drivers', () => {
  let world: World;
  beforeEach(async () => {
    world = new World(await mkdtemp(join(tmpdir(), 'csi-')));
    await world.start();
  });
  afterEach(async () => {
    await world.stop();
    await rm(world.root, { recursive: true, force: true });
  });

  const stagedFolders = async () =>
    readdir(join(world.root, 'plugins/kubernetes.io/csi', driverName)).catch((): string[] => []);

  describe('a driver', () => {
    it('is told to the cluster: CSINode, topology and id on the Node', async () => {
      const info = {
        nodeId: 'rack1-n1',
        maxVolumesPerNode: 3,
        accessibleTopology: { segments: { 'x.io/rack': 'r1' } },
      };
      const driver = await world.driver({ info });
      expect(driver.answers).toEqual([{ pluginRegistered: true }]);
      expect((await world.client.get(csinodes, { name: nodeName })).spec.drivers).toEqual([
        { name: driverName, nodeID: 'rack1-n1', topologyKeys: ['x.io/rack'], allocatable: { count: 3 } },
      ]);
      const { metadata } = await world.client.get(nodes, { name: nodeName });
      expect(metadata.labels).toEqual({ 'x.io/rack': 'r1' });
      expect(metadata.annotations?.['csi.volume.kubernetes.io/nodeid']).toBe('{"disk.example.com":"rack1-n1"}');
    });

    it('that ends is taken out again; the label stays', async () => {
      const driver = await world.driver({
        info: { nodeId: 'a', accessibleTopology: { segments: { 'x.io/rack': 'r1' } } },
      });
      await driver.stop();
      const driversOf = async () => (await world.client.get(csinodes, { name: nodeName })).spec.drivers;
      await until(async () => (await driversOf()).length === 0);
      await until(async () => {
        const { annotations, labels } = (await world.client.get(nodes, { name: nodeName })).metadata;
        return annotations?.['csi.volume.kubernetes.io/nodeid'] === undefined && labels?.['x.io/rack'] === 'r1';
      });
    });

    it('is refused with a reason: another label, no id, another version', async () => {
      const body = { metadata: { labels: { 'x.io/rack': 'r2' } } };
      await world.client.patch(nodes, { name: nodeName }, { type: 'merge', body });
      const info = { nodeId: 'a', accessibleTopology: { segments: { 'x.io/rack': 'r1' } } };
      expect((await world.driver({ info })).answers[0]?.error).toBe(
        'detected topology value collision: driver reported "x.io/rack":"r1" but existing label is "x.io/rack":"r2"',
      );
      expect((await world.driver({ name: 'b.example.com', info: {} })).answers[0]?.error).toContain(
        'driverNodeID must not be empty',
      );
      expect((await world.driver({ name: 'c.example.com', versions: ['0.3.0'] })).answers[0]?.error).toContain(
        'None of the versions specified ["0.3.0"] are supported',
      );
      expect((await world.client.get(csinodes, { name: nodeName })).spec.drivers).toEqual([]);
    });

    it('that names its socket as pods see it is told paths as pods see them', async () => {
      await world.rules({ attachRequired: false });
      const seen = '/var/lib/kubelet';
      const driver = await world.driver({
        endpoint: `${seen}/plugins/${driverName}/csi.sock`,
        place: (path) => path.replace(seen, world.root),
      });
      const path = await world.mount(podOf('u1'));
      expect(path).toBe(join(world.root, 'pods/u1/volumes/kubernetes.io~csi/pv-1/mount'));
      const { request } = driver.calls[1] ?? {};
      expect(request.targetPath).toBe(`${seen}/pods/u1/volumes/kubernetes.io~csi/pv-1/mount`);
      expect(request.stagingTargetPath).toMatch(
        /^\/var\/lib\/kubelet\/plugins\/kubernetes\.io\/csi\/disk\.example\.com\/[0-9a-f]{64}\/globalmount$/,
      );
    });
  });

  describe('a volume', () => {
    beforeEach(() => world.rules({ attachRequired: false }));

    it('is staged once and published for each pod, and all is undone with the last one', async () => {
      const driver = await world.driver();
      const paths = await Promise.all([world.mount(podOf('u1')), world.mount(podOf('u2'))]);
      expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume']);
      const [stage, publish] = driver.calls;
      expect(stage?.request).toMatchObject({
        volumeId: 'vol/1',
        stagingTargetPath: expect.stringMatching(
          /\/plugins\/kubernetes\.io\/csi\/disk\.example\.com\/[0-9a-f]{64}\/globalmount$/,
        ),
        volumeCapability: { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
        volumeContext: { size: 'big' },
      });
      expect(publish?.request).toMatchObject({
        ...{ volumeId: 'vol/1', stagingTargetPath: stage?.request.stagingTargetPath, volumeContext: { size: 'big' } },
        targetPath: join(world.root, 'pods/u1/volumes/kubernetes.io~csi/pv-1/mount'),
      });
      expect(paths[0]).toBe(publish?.request.targetPath);
      // It is there: nothing is asked again.
      await world.mount(podOf('u1'));
      expect(driver.calls).toHaveLength(3);
      await world.csi.volumes.teardown('u1');
      expect(driver.names.slice(3)).toEqual(['NodeUnpublishVolume']);
      await world.csi.volumes.teardown('u2');
      await until(() => driver.names.length === 6);
      expect(driver.names.slice(4)).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume']);
      expect(driver.calls[5]?.request).toEqual({
        ...{ volumeId: 'vol/1', stagingTargetPath: stage?.request.stagingTargetPath },
      });
      await until(async () => (await stagedFolders()).length === 0);
      expect(await exists(join(world.root, 'pods/u1/volumes/kubernetes.io~csi/pv-1'))).toBe(false);
    });

    it('of a driver that stages nothing is only published', async () => {
      const driver = await world.driver({ capabilities: [] });
      await world.mount(podOf('u1'));
      await world.csi.volumes.teardown('u1');
      await until(async () => (await stagedFolders()).length === 0);
      expect(driver.names).toEqual(['NodePublishVolume', 'NodeUnpublishVolume']);
      expect(driver.calls[0]?.request.stagingTargetPath).toBeUndefined();
    });

    it('without its driver fails in Kubernetes’ words; its pods are woken when it comes', async () => {
      const failed =
        'MountVolume.MountDevice failed for volume "pv-1" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name disk.example.com not found in the list of registered CSI drivers';
      await expect(world.mount(podOf('u1'))).rejects.toThrow(failed);
      await world.driver();
      expect(world.woken).toEqual(['u1']);
      await world.mount(podOf('u1'));
    });

    it('that the driver refuses to stage leaves nothing; one whose outcome is not known is unstaged', async () => {
      const driver = await world.driver();
      driver.failures.set('NodeStageVolume', 'InvalidArgument');
      await expect(world.mount(podOf('u1'))).rejects.toThrow(
        'MountVolume.MountDevice failed for volume "pv-1" : rpc error: code = InvalidArgument desc = NodeStageVolume fails',
      );
      expect(await stagedFolders()).toEqual([]);
      await world.csi.volumes.teardown('u1');
      driver.failures.set('NodeStageVolume', 'Aborted');
      await expect(world.mount(podOf('u2'))).rejects.toThrow('code = Aborted');
      await world.csi.volumes.teardown('u2');
      await until(() => driver.names.includes('NodeUnstageVolume'));
      expect(driver.names).toEqual(['NodeStageVolume', 'NodeStageVolume', 'NodeUnstageVolume']);
    });

    it('that the driver refuses to publish is tried again from there', async () => {
      const driver = await world.driver();
      driver.failures.set('NodePublishVolume', 'Internal');
      await expect(world.mount(podOf('u1'))).rejects.toThrow(
        'MountVolume.SetUp failed for volume "pv-1" : rpc error: code = Internal desc = NodePublishVolume fails',
      );
      driver.failures.clear();
      await world.mount(podOf('u1'));
      expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume']);
    });

    it('is not let go of before the driver has done its part', async () => {
      const driver = await world.driver();
      const path = await world.mount(podOf('u1'));
      driver.failures.set('NodeUnpublishVolume', 'Unavailable');
      await expect(world.csi.volumes.teardown('u1')).rejects.toThrow(
        'UnmountVolume.TearDown failed for volume "pv-1" : rpc error: code = Unavailable',
      );
      expect(await exists(path)).toBe(true);
      await driver.stop();
      await until(async () => (await world.client.get(csinodes, { name: nodeName })).spec.drivers.length === 0);
      await expect(world.csi.volumes.teardown('u1')).rejects.toThrow('not found in the list of registered CSI drivers');
      driver.failures.clear();
      await world.register(driver);
      await world.csi.volumes.teardown('u1');
      await until(() => driver.names.at(-1) === 'NodeUnstageVolume');
      expect(await exists(path)).toBe(false);
    });

    it('that would not be unstaged is asked again', async () => {
      const driver = await world.driver();
      await world.mount(podOf('u1'));
      driver.failures.set('NodeUnstageVolume', 'Internal');
      await world.csi.volumes.teardown('u1');
      await until(() => driver.names.at(-1) === 'NodeUnstageVolume');
      driver.failures.clear();
      await until(async () => (await stagedFolders()).length === 0);
      expect(driver.names.slice(-2)).toEqual(['NodeUnstageVolume', 'NodeUnstageVolume']);
    });

    it('gets the secrets that it names', async () => {
      const data = (text: string) => ({ key: Buffer.from(text).toString('base64') });
      await world.client.create(secrets, { metadata: { name: 's', namespace: 'a' }, data: data('stage') });
      await world.client.create(secrets, { metadata: { name: 'p', namespace: 'b' }, data: data('publish') });
      const driver = await world.driver();
      const volume = volumeOf({
        nodeStageSecretRef: { name: 's', namespace: 'a' },
        nodePublishSecretRef: { name: 'p', namespace: 'b' },
      });
      await world.mount(podOf('u1'), volume);
      expect(driver.calls.map(({ request }) => request.secrets)).toEqual([{ key: 'stage' }, { key: 'publish' }]);
      await world.client.delete(secrets, { name: 'p', namespace: 'b' });
      await expect(world.mount(podOf('u2'), volume)).rejects.toThrow(
        'MountVolume.SetUp failed for volume "pv-1" : fetching NodePublishSecretRef b/p failed: kubernetes.io/csi: failed to find the secret p in the namespace b with error: secrets "p" not found',
      );
    });

    it('is found again by the next agent: nothing is asked for what is mounted, and what is left over goes', async () => {
      const driver = await world.driver();
      const path = await world.mount(podOf('u1'));
      world.mounted.add(path);
      await world.mount(podOf('u2'), volumeOf({ volumeHandle: 'vol/2' }));
      await world.restart();
      await until(() => driver.answers.length === 2);
      expect(await world.mount(podOf('u1'))).toBe(path);
      expect(driver.calls).toHaveLength(4);
      // Pods that the next agent knows nothing of, but by their folders.
      await world.csi.volumes.teardown('u2');
      await world.csi.volumes.teardown('u1');
      await until(async () => (await stagedFolders()).length === 0);
      expect(driver.names.slice(4).sort()).toEqual([
        ...['NodeUnpublishVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume', 'NodeUnstageVolume'],
      ]);
    });

    it('that nobody uses after a restart is unstaged as soon as its driver is there', async () => {
      const driver = await world.driver();
      await world.mount(podOf('u1'));
      await driver.stop();
      world.csi.stop();
      await rm(join(world.root, 'pods'), { recursive: true });
      await world.start();
      await world.register(driver);
      await until(() => driver.names.at(-1) === 'NodeUnstageVolume');
      await until(async () => (await stagedFolders()).length === 0);
    });
  });
});
