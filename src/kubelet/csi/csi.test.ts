import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csinodes, nodes, persistentvolumeclaims, secrets, volumeattachments } from '../../api/generated/resources.ts';
import type { NodeStatus, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { attachmentName } from '../../api/storage/csi.ts';
import { CsiWorld, driverName, exists, nodeName, podOf, until, volumeOf } from './csi-harness.ts';
import { mountOfVolume } from './csi-mount.ts';
import type { FakeDriver } from './fake-driver.ts';

describe('volumes of CSI drivers', () => {
  let world: CsiWorld;
  beforeEach(async () => {
    world = new CsiWorld(await mkdtemp(join(tmpdir(), 'csi-')));
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

    it('that wants it is asked again how many volumes the node takes', async () => {
      await world.rules({ nodeAllocatableUpdatePeriodSeconds: 10 });
      let maxVolumesPerNode = 3;
      await world.driver({ info: () => ({ nodeId: 'a', maxVolumesPerNode }) });
      const countOf = async () => {
        const { spec } = await world.client.get(csinodes, { name: nodeName });
        return spec.drivers[0]?.allocatable?.count;
      };
      expect(await countOf()).toBe(3);
      maxVolumesPerNode = 2;
      await until(() => world.timers.length > 0);
      for (const { delayMs, run } of world.timers.splice(0)) if (delayMs === 10_000) run();
      await until(async () => (await countOf()) === 2);
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

    describe('of which a call was done though its answer was lost', () => {
      /** The next call of this name: done, and nobody hears of it. */
      const loseAnswer = (driver: FakeDriver, name: string) => {
        driver.fate = (call) => {
          if (call.name !== name) return undefined;
          driver.fate = () => undefined;
          return { code: 'Unavailable', isDone: true };
        };
      };

      it('is unstaged in the end, though a later call was refused', async () => {
        const driver = await world.driver();
        loseAnswer(driver, 'NodeStageVolume');
        await expect(world.mount(podOf('u1'))).rejects.toThrow('code = Unavailable');
        driver.failures.set('NodeStageVolume', 'Internal');
        await expect(world.mount(podOf('u1'))).rejects.toThrow('code = Internal');
        await world.csi.volumes.teardown('u1');
        await until(async () => (await stagedFolders()).length === 0);
        expect(driver.names).toEqual(['NodeStageVolume', 'NodeStageVolume', 'NodeUnstageVolume']);
      });

      it('is unpublished in the end, though a later call was refused', async () => {
        const driver = await world.driver();
        loseAnswer(driver, 'NodePublishVolume');
        await expect(world.mount(podOf('u1'))).rejects.toThrow('code = Unavailable');
        driver.failures.set('NodePublishVolume', 'Internal');
        await expect(world.mount(podOf('u1'))).rejects.toThrow('code = Internal');
        await world.csi.volumes.teardown('u1');
        expect(driver.names.slice(1)).toEqual(['NodePublishVolume', 'NodePublishVolume', 'NodeUnpublishVolume']);
      });

      it('is staged again for who comes after the unstaging', async () => {
        const driver = await world.driver();
        await world.mount(podOf('u1'));
        loseAnswer(driver, 'NodeUnstageVolume');
        await world.csi.volumes.teardown('u1');
        await until(() => driver.names.at(-1) === 'NodeUnstageVolume');
        await world.mount(podOf('u2'));
        expect(driver.names.slice(4)).toEqual(['NodeStageVolume', 'NodePublishVolume']);
      });

      it('is published again after the unpublishing', async () => {
        const driver = await world.driver();
        await world.mount(podOf('u1'));
        loseAnswer(driver, 'NodeUnpublishVolume');
        await expect(world.csi.volumes.teardown('u1')).rejects.toThrow('code = Unavailable');
        await world.mount(podOf('u1'));
        expect(driver.names.at(-1)).toBe('NodePublishVolume');
      });
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
      world.isMounted = (mounted) => mounted === path;
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

    it('finds its driver there when the agent starts again', async () => {
      const driver = await world.driver();
      await world.mount(podOf('u1'));
      await world.restart();
      // Nothing is waited for: who starts knows it.
      await world.mount(podOf('u2'));
      expect(driver.names.slice(2)).toEqual(['NodeStageVolume', 'NodePublishVolume']);
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

  describe('a volume that has to be attached', () => {
    const name = attachmentName('vol/1', driverName, nodeName);
    const key = `kubernetes.io/csi/${driverName}^vol/1`;
    const tell = async (status: NodeStatus) => {
      const body = { status };
      const node = await world.client.patch(
        nodes,
        { name: nodeName },
        { type: 'merge', body },
        { subresource: 'status' },
      );
      world.csi.volumes.observe(node);
    };
    const attach = async () => {
      const spec = { attacher: driverName, nodeName, source: { persistentVolumeName: 'pv-1' } };
      await world.client.create(volumeattachments, { metadata: { name }, spec });
      const body = { status: { attached: true, attachmentMetadata: { devicePath: '/dev/sdx' } } };
      await world.client.patch(volumeattachments, { name }, { type: 'merge', body }, { subresource: 'status' });
      await tell({ volumesAttached: [{ name: key, devicePath: '' }] });
    };

    it('is told to be in use, waited for, staged with what the attacher says, and let go in the end', async () => {
      const driver = await world.driver();
      const mounted = world.mount(podOf('u1'));
      await until(() => world.csi.volumes.inUse().length > 0);
      expect(world.csi.volumes.inUse()).toEqual([key]);
      await attach();
      // Attached, but the node has not yet said that it uses it: it could be taken away under the mount.
      expect(driver.names).toEqual([]);
      await tell({ volumesInUse: [key] });
      await mounted;
      expect(driver.calls.map(({ request }) => request.publishContext)).toEqual([
        ...[{ devicePath: '/dev/sdx' }, { devicePath: '/dev/sdx' }],
      ]);
      await world.csi.volumes.teardown('u1');
      await until(() => world.csi.volumes.inUse().length === 0);
      expect(driver.names.at(-1)).toBe('NodeUnstageVolume');
    });

    it('is in use after a restart, before anything is said of the node', async () => {
      await world.driver();
      await attach();
      await tell({ volumesInUse: [key] });
      await world.mount(podOf('u1'));
      await world.restart();
      expect(world.csi.volumes.inUse()).toEqual([key]);
    });

    it('is not waited for any longer by a pod that ends', async () => {
      const driver = await world.driver();
      const ending = new AbortController();
      const mounted = world.mount(podOf('u1'), volumeOf(), ending.signal);
      await until(() => world.csi.volumes.inUse().length > 0);
      ending.abort(new Error('the pod is being stopped'));
      await expect(mounted).rejects.toThrow('the pod is being stopped');
      expect(world.csi.volumes.inUse()).toEqual([]);
      expect(driver.names).toEqual([]);
    });

    it('is not staged while it is being detached', async () => {
      const driver = await world.driver();
      await attach();
      await tell({ volumesInUse: [key] });
      const body = { metadata: { finalizers: ['x.io/attacher'] } };
      await world.client.patch(volumeattachments, { name }, { type: 'merge', body });
      await world.client.delete(volumeattachments, { name });
      await expect(world.mount(podOf('u1'))).rejects.toThrow(
        'MountVolume.MountDevice failed for volume "pv-1" : volume attachment is being deleted',
      );
      expect(driver.names).toEqual([]);
    });
  });

  describe('an inline volume', () => {
    it('needs a driver that says it has such volumes', async () => {
      await world.driver();
      await expect(world.inline(podOf('u1'))).rejects.toThrow(
        'volume mode "Ephemeral" not supported by driver disk.example.com (no CSIDriver object)',
      );
      await world.rules({ attachRequired: false, volumeLifecycleModes: ['Persistent'] });
      await expect(world.inline(podOf('u1'))).rejects.toThrow(
        'volume mode "Ephemeral" not supported by driver disk.example.com (only supports ["Persistent"])',
      );
    });

    it('is published only, under an id of its own, with what the driver wants to know of the pod', async () => {
      await world.rules({ podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] });
      const driver = await world.driver();
      const path = await world.inline(podOf('u1'), { volumeAttributes: { a: 'b' }, readOnly: true });
      expect(path).toBe(join(world.root, 'pods/u1/volumes/kubernetes.io~csi/scratch/mount'));
      expect(driver.names).toEqual(['NodePublishVolume']);
      expect(driver.calls[0]?.request).toMatchObject({
        volumeId: expect.stringMatching(/^csi-[0-9a-f]{64}$/),
        readonly: true,
        volumeContext: {
          a: 'b',
          'csi.storage.k8s.io/pod.name': 'pod-u1',
          'csi.storage.k8s.io/pod.namespace': 'ns',
          'csi.storage.k8s.io/pod.uid': 'u1',
          'csi.storage.k8s.io/serviceAccount.name': 'sa',
          'csi.storage.k8s.io/ephemeral': 'true',
        },
      });
      await world.csi.volumes.teardown('u1');
      expect(driver.names).toEqual(['NodePublishVolume', 'NodeUnpublishVolume']);
      expect(await exists(path)).toBe(false);
    });
  });

  describe('a device', () => {
    const volume = volumeOf({}, { volumeMode: 'Block' });
    const devices = () => join(world.root, 'plugins/kubernetes.io/csi/volumeDevices');
    beforeEach(() => world.rules({ attachRequired: false }));
    const drivers = () =>
      world.driver({ publish: (target) => writeFile(target, ''), unpublish: (target) => rm(target) });

    it('is staged and published as a file for each pod, and nothing of it is left', async () => {
      const driver = await drivers();
      const paths = [await world.mount(podOf('u1'), volume), await world.mount(podOf('u2'), volume)];
      expect(paths).toEqual(['u1', 'u2'].map((uid) => join(devices(), 'publish/pv-1', uid)));
      const [stage, publish] = driver.calls;
      expect(stage?.request).toMatchObject({
        stagingTargetPath: join(devices(), 'staging/pv-1'),
        volumeCapability: { block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
      });
      expect(publish?.request).toMatchObject({ targetPath: paths[0], volumeCapability: { block: {} } });
      await world.csi.volumes.teardown('u1');
      expect([await exists(paths[0] ?? ''), await exists(paths[1] ?? '')]).toEqual([false, true]);
      await world.csi.volumes.teardown('u2');
      await until(async () => (await stagedFolders()).length === 0);
      expect(driver.names.at(-1)).toBe('NodeUnstageVolume');
      expect([await readdir(join(devices(), 'staging')), await readdir(join(devices(), 'publish'))]).toEqual([[], []]);
    });

    it('is found again by the next agent, under its own paths', async () => {
      const driver = await drivers();
      const path = await world.mount(podOf('u1'), volume);
      await world.restart();
      await until(() => driver.answers.length === 2);
      await world.csi.volumes.teardown('u1');
      await until(async () => (await stagedFolders()).length === 0);
      expect(driver.calls.slice(2).map(({ request }) => request.targetPath ?? request.stagingTargetPath)).toEqual([
        ...[path, join(devices(), 'staging/pv-1')],
      ]);
    });

    it('that could not be had is told in words of its own', async () => {
      const driver = await drivers();
      driver.failures.set('NodePublishVolume', 'Internal');
      await expect(world.mount(podOf('u1'), volume)).rejects.toMatchObject({
        message:
          'MapVolume.MapPodDevice failed for volume "pv-1" : rpc error: code = Internal desc = NodePublishVolume fails',
        reason: 'FailedMapVolume',
      });
    });
  });

  describe('a driver that wants tokens', () => {
    const tokens = '{"x.io":{"token":"u1 at x.io","expirationTimestamp":"2027-01-01T00:00:00Z"}}';
    const key = 'csi.storage.k8s.io/serviceAccount.tokens';
    const asks = { attachRequired: false, tokenRequests: [{ audience: 'x.io' }] };

    it('gets them with the volume, and again and again if it asks to publish so', async () => {
      await world.rules({ ...asks, requiresRepublish: true });
      const driver = await world.driver();
      await world.mount(podOf('u1'));
      expect(driver.calls[1]?.request.volumeContext).toEqual({ size: 'big', [key]: tokens });
      const dueMs = world.csi.volumes.refreshAtMs('u1', 'data') ?? 0;
      await world.mount(podOf('u1'));
      expect(driver.calls).toHaveLength(2);
      world.laterMs = dueMs - Date.now() + 1;
      await world.mount(podOf('u1'));
      expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume']);
      // It failed once: what the pod has stays mounted.
      driver.failures.set('NodePublishVolume', 'Internal');
      world.laterMs += 120_000;
      await expect(world.mount(podOf('u1'))).rejects.toThrow('NodePublishVolume fails');
      expect(await exists(driver.calls[1]?.request.targetPath)).toBe(true);
    });

    it('gets them among the secrets if it wants that', async () => {
      await world.rules({ ...asks, serviceAccountTokenInSecrets: true });
      const driver = await world.driver();
      await world.mount(podOf('u1'));
      const { volumeContext, secrets: given } = driver.calls[1]?.request ?? {};
      expect([volumeContext, given]).toEqual([{ size: 'big' }, { [key]: tokens }]);
    });
  });

  describe('growing', () => {
    const claimOf = (): PersistentVolumeClaim => ({
      metadata: { name: 'data', namespace: 'ns' },
      spec: { volumeName: 'pv-1' },
      status: {
        phase: 'Bound',
        capacity: { storage: '1Gi' },
        conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
        allocatedResourceStatuses: { storage: 'NodeResizePending' },
      },
    });
    const grow = async (storage: string) => {
      const { client } = world;
      const pod = podOf('u1');
      const volume = volumeOf({}, { capacity: { storage } });
      const key = { namespace: 'ns', name: 'data' };
      const claim = await client.get(persistentvolumeclaims, key).catch(async () => {
        const { status, ...made } = claimOf();
        await client.create(persistentvolumeclaims, made as PersistentVolumeClaim);
        return client.patch(
          persistentvolumeclaims,
          key,
          { type: 'merge', body: { status } },
          { subresource: 'status' },
        );
      });
      await world.mount(pod, volume);
      await world.csi.volumes.expand(
        mountOfVolume({ pod, volume: { name: 'data' }, readOnly: false }, volume),
        claim,
        volume,
      );
      return client.get(persistentvolumeclaims, key);
    };
    beforeEach(() => world.rules({ attachRequired: false }));

    it('is done by the driver, then the claim knows it', async () => {
      const driver = await world.driver({ capabilities: ['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME'] });
      const { status } = await grow('2Gi');
      expect(driver.calls.at(-1)).toMatchObject({
        name: 'NodeExpandVolume',
        request: {
          volumeId: 'vol/1',
          volumePath: join(world.root, 'pods/u1/volumes/kubernetes.io~csi/pv-1/mount'),
          stagingTargetPath: driver.calls[0]?.request.stagingTargetPath,
          capacityRange: { requiredBytes: 2 * 2 ** 30 },
        },
      });
      expect(status).toMatchObject({ capacity: { storage: '2Gi' } });
      expect([status?.conditions, status?.allocatedResourceStatuses?.['storage']]).toEqual([[], undefined]);
      expect(world.said).toEqual([
        'FileSystemResizeSuccessful: MountVolume.NodeExpandVolume succeeded for volume "pv-1" n1',
      ]);
      // Who looks again later finds nothing to do.
      expect(world.csi.volumes.refreshAtMs('u1', 'data')).toBeGreaterThan(Date.now());
      await grow('2Gi');
      expect(driver.names.filter((name) => name === 'NodeExpandVolume')).toHaveLength(1);
    });

    it('that the driver calls impossible is said once; it is the controller’s turn', async () => {
      const driver = await world.driver({ capabilities: ['EXPAND_VOLUME'] });
      driver.failures.set('NodeExpandVolume', 'OutOfRange');
      const { status } = await grow('2Gi');
      expect(status?.allocatedResourceStatuses).toEqual({ storage: 'NodeResizeInfeasible' });
      expect(world.said).toEqual([
        'VolumeResizeFailed: NodeExpandVolume.NodeExpandVolume failed for volume "pv-1" : rpc error: code = OutOfRange desc = NodeExpandVolume fails',
      ]);
      await grow('2Gi');
      expect(driver.names.filter((name) => name === 'NodeExpandVolume')).toHaveLength(1);
    });

    it('is nothing that a driver without the capability is asked for', async () => {
      const driver = await world.driver();
      await grow('2Gi');
      expect(driver.names).not.toContain('NodeExpandVolume');
      expect(world.csi.volumes.refreshAtMs('u1', 'data')).toBeUndefined();
    });
  });
});
