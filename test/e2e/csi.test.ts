import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { CSINode, Event, Node, Pod, VolumeAttachment } from '../../src/api/generated/types.ts';
import { mountPoints } from '../../src/cri/mounts.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { findProcesses, signal } from '../../src/host/recorded-process.ts';
import { FakeDriver } from '../../src/kubelet/csi/fake-driver.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, sh } from './manifests.ts';
import { until } from './until.ts';

const driverName = 'folders.e2e.knarr.dev';
const nodeName = 'node1';
const volumeOnNode = `kubernetes.io/csi/${driverName}^books`;
let kubectl: Kubectl;
let driver: FakeDriver;
let data = '';

/** The node's folder on this machine. */
const nodeRoot = () => join(dirname(inject('kubeconfig')), 'nodes', nodeName, 'kubelet');

const mount = (...args: string[]) => outputOf(runCommand, { program: 'mount', args });
const say = (name: string, script: string) => kubectl.ok(['exec', name, '--', 'sh', '-c', script]);

/** What only the driver has mounted: nothing of it may be left. */
const mountsOfDriver = async () =>
  (await mountPoints()).map(({ path }) => path).filter((path) => path.includes('~csi/'));

const driverObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: driverName },
  spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
};
const books = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'books' },
  spec: {
    ...{ storageClassName: '', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
    persistentVolumeReclaimPolicy: 'Retain',
    csi: { driver: driverName, volumeHandle: 'books', fsType: 'ext4' },
  },
};
const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'books' },
  spec: {
    ...{ storageClassName: '', volumeName: 'books', accessModes: ['ReadWriteOnce'] },
    resources: { requests: { storage: '1Gi' } },
  },
};
const reader = (name: string, script: string) =>
  pod(name, {
    securityContext: { fsGroup: 4242 },
    containers: [sh('main', `${script}; exec sleep 3600`, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'books' } }],
  });

const isReady = ({ status }: Pod) =>
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** A driver as they come: it registers with the node, and publishes folders of this machine by bind mounts. */
beforeAll(async () => {
  kubectl = await kubectlIn('csi');
  data = join(kubectl.dir, 'data');
  driver = new FakeDriver({
    root: nodeRoot(),
    name: driverName,
    info: { nodeId: 'here', accessibleTopology: { segments: { 'folders.e2e.knarr.dev/place': 'here' } } },
    async publish(target, volumeId) {
      await mkdir(join(data, volumeId), { recursive: true });
      await mkdir(target, { recursive: true });
      await mount('--bind', join(data, volumeId), target);
    },
    async unpublish(target) {
      await outputOf(runCommand, { program: 'umount', args: [target] });
      await rm(target, { recursive: true });
    },
  });
  await driver.start();
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([driverObject, books, claim]) });
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'csi', '--timeout=60s']);
    await kubectl.ok(['delete', 'pv/books', `csidriver/${driverName}`]);
    await driver.stop();
    // As in Kubernetes it stays where the driver has been.
    await kubectl.ok(['label', 'node', nodeName, 'folders.e2e.knarr.dev/place-']);
  };
});

/** What external-attacher does. */
async function attach(): Promise<VolumeAttachment> {
  await kubectl.ok(['wait', '--for=create', 'pod/first', '--timeout=60s']);
  let name = '';
  await vi.waitFor(
    async () => {
      const { items } = await kubectl.object<{ items: VolumeAttachment[] }>('volumeattachments');
      name = items.find(({ spec }) => spec.attacher === driverName)?.metadata.name ?? '';
      expect(name).not.toBe('');
    },
    { timeout: 60_000, interval: 200 },
  );
  const status = { attached: true, attachmentMetadata: { shelf: '3' } };
  await kubectl.ok([
    'patch',
    `volumeattachment/${name}`,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
  return kubectl.object<VolumeAttachment>('volumeattachment', name);
}

describe('a volume of a CSI driver', () => {
  it('has its driver told of by the node', async () => {
    const isThere = ({ spec }: CSINode) => spec.drivers?.some(({ name }) => name === driverName) === true;
    await kubectl.ok(['wait', '--for=create', `csinode/${nodeName}`, '--timeout=60s']);
    const { spec } = await until<CSINode>(kubectl, `csinode/${nodeName}`, isThere);
    expect(spec.drivers).toContainEqual({
      name: driverName,
      nodeID: 'here',
      topologyKeys: ['folders.e2e.knarr.dev/place'],
    });
    await until<Node>(
      kubectl,
      `node/${nodeName}`,
      (n) => n.metadata.labels?.['folders.e2e.knarr.dev/place'] === 'here',
    );
  });

  it('is attached, staged and published; what the pod writes is on the driver’s folder', async () => {
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([reader('first', 'echo once upon a time > /data/book')]) });
    const attachment = await attach();
    await until<Pod>(kubectl, 'pod/first', isReady);
    await vi.waitFor(async () => expect(await readFile(join(data, 'books/book'), 'utf8')).toBe('once upon a time\n'));
    expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume']);
    expect(driver.calls[1]?.request).toMatchObject({
      publishContext: { shelf: '3' },
      volumeContext: { 'csi.storage.k8s.io/pod.name': 'first', 'csi.storage.k8s.io/ephemeral': 'false' },
    });
    expect(await say('first', 'stat -c "%g %a" /data')).toMatch(/^4242 2[0-7]{3}\n$/);
    expect(attachment.spec.nodeName).toBe(nodeName);
    const { status } = await kubectl.object<Node>('node', nodeName);
    expect(status?.volumesInUse).toContain(volumeOnNode);
    expect(status?.volumesAttached?.map(({ name }) => name)).toContain(volumeOnNode);
  });

  it('is shared by two pods of a node, staged once', async () => {
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([reader('second', 'cat /data/book')]) });
    await until<Pod>(kubectl, 'pod/second', isReady);
    expect(await kubectl.ok(['logs', 'second'])).toBe('once upon a time\n');
    expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume']);
  });

  it('outlives the agent: the next one finds it, asks for nothing again, and still says that it is in use', async () => {
    const cluster = basename(dirname(inject('kubeconfig')));
    const agents = await findProcesses(
      ([program, ...args]) => program !== '/bin/sh' && args.includes('agent') && args.includes(cluster),
    );
    expect(agents).toHaveLength(1);
    for (const { pid } of agents) signal(pid, 'SIGKILL');
    await vi.waitFor(() => expect(driver.answers).toHaveLength(2), { timeout: 60_000, interval: 200 });
    expect(await say('first', 'cat /data/book')).toBe('once upon a time\n');
    const { status } = await kubectl.object<Node>('node', nodeName);
    expect(status?.volumesInUse).toContain(volumeOnNode);
    expect(driver.names).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume']);
  });

  it('is let go of with the last pod: unpublished, unstaged, detached, with no mount left', async () => {
    await kubectl.ok(['delete', 'pod/first', 'pod/second']);
    await kubectl.ok(['wait', '--for=delete', 'volumeattachments', '--all', '--timeout=60s']);
    expect(driver.names.slice(3)).toEqual(['NodeUnpublishVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume']);
    expect(await mountsOfDriver()).toEqual([]);
    const { status } = await kubectl.object<Node>('node', nodeName);
    expect([status?.volumesInUse ?? [], status?.volumesAttached ?? []]).toEqual([[], []]);
    expect(await readFile(join(data, 'books/book'), 'utf8')).toBe('once upon a time\n');
  });

  it('may be a pod’s own', async () => {
    const inline = pod('own', {
      containers: [
        sh('main', 'echo mine > /data/x; exec sleep 3600', { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ],
      volumes: [{ name: 'data', csi: { driver: driverName, volumeAttributes: { color: 'red' } } }],
    });
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([inline]) });
    await until<Pod>(kubectl, 'pod/own', isReady);
    const { name, request } = driver.calls.at(-1) ?? {};
    expect(name).toBe('NodePublishVolume');
    expect(request.volumeContext).toMatchObject({ color: 'red', 'csi.storage.k8s.io/ephemeral': 'true' });
    await vi.waitFor(async () => expect(await readFile(join(data, request.volumeId, 'x'), 'utf8')).toBe('mine\n'));
    await kubectl.ok(['delete', 'pod/own']);
    expect(driver.names.at(-1)).toBe('NodeUnpublishVolume');
    expect(await mountsOfDriver()).toEqual([]);
  });

  it('without its driver keeps its pod waiting, and says so', async () => {
    await kubectl.ok(['apply', '-f', '-'], {
      input: listOf([{ ...driverObject, metadata: { name: 'none.e2e.knarr.dev' } }]),
    });
    const waiting = pod('waiting', {
      containers: [sh('main', 'exec sleep 3600', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
      volumes: [{ name: 'data', csi: { driver: 'none.e2e.knarr.dev' } }],
    });
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([waiting]) });
    const failed =
      'MountVolume.SetUp failed for volume "data" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name none.e2e.knarr.dev not found in the list of registered CSI drivers';
    await vi.waitFor(
      async () => {
        const { items } = await kubectl.object<{ items: Event[] }>('events', '--field-selector=reason=FailedMount');
        expect(items.map(({ message }) => message)).toContain(failed);
      },
      { timeout: 60_000, interval: 500 },
    );
    await kubectl.ok(['delete', 'pod/waiting', 'csidriver/none.e2e.knarr.dev']);
  });
});

/** As drivers are installed: its sockets and mounts are made in a pod that sees the node's folder at /var/lib/kubelet. */
describe('a CSI driver in a pod', () => {
  const seen = '/var/lib/kubelet';
  const name = 'pod.e2e.knarr.dev';
  const inDriver = (...command: string[]) => kubectl.ok(['exec', 'driver', '--', ...command]);
  let inPod: FakeDriver;

  beforeAll(async () => {
    const folder = (path: string) => ({
      name: path.replace(/\W+/g, '-').slice(1),
      hostPath: { path, type: 'Directory' },
    });
    const volumes = [folder(`${seen}/plugins`), folder(`${seen}/pods`)];
    const volumeMounts = volumes.map(({ name: volume, hostPath: { path } }) => ({
      ...{ name: volume, mountPath: path, mountPropagation: 'Bidirectional' },
    }));
    const container = sh('main', 'exec sleep 3600', { securityContext: { privileged: true }, volumeMounts });
    const spec = { ...driverObject.spec, attachRequired: false, podInfoOnMount: false };
    const objects = [
      { ...driverObject, metadata: { name }, spec },
      pod('driver', { containers: [container], volumes }),
    ];
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
    await until<Pod>(kubectl, 'pod/driver', isReady);
    inPod = new FakeDriver({
      ...{ root: nodeRoot(), name, endpoint: `${seen}/plugins/${name}/csi.sock` },
      async publish(target, volumeId) {
        // The eighth disk in memory: nobody reads it, and it need not be there.
        if (volumeId === 'disk') return void (await inDriver('mknod', target, 'b', '1', '7'));
        await inDriver('mkdir', '-p', target);
        await inDriver('mount', '-t', 'tmpfs', 'tmpfs', target);
        await inDriver('touch', `${target}/from-the-driver`);
      },
      async unpublish(target) {
        if (target.includes('/volumeDevices/')) return void (await inDriver('rm', target));
        await inDriver('umount', target);
        await inDriver('rmdir', target);
      },
    });
    await inPod.start();
    return async () => {
      await inPod.stop();
      await kubectl.ok(['delete', `csidriver/${name}`, 'pod/driver']);
    };
  });

  it('gives a device to a pod', async () => {
    const volume = { ...books.spec, volumeMode: 'Block', csi: { driver: name, volumeHandle: 'disk' } };
    const claimed = { ...claim.spec, volumeMode: 'Block', volumeName: 'disk' };
    const user = pod('formatter', {
      containers: [
        sh('main', 'stat -c "%F %t:%T" /dev/disk; exec sleep 3600', {
          volumeDevices: [{ name: 'data', devicePath: '/dev/disk' }],
        }),
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'disk' } }],
    });
    const objects = [
      { ...books, metadata: { name: 'disk' }, spec: volume },
      { ...claim, metadata: { name: 'disk' }, spec: claimed },
    ];
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([...objects, user]) });
    await until<Pod>(kubectl, 'pod/formatter', isReady);
    expect(await kubectl.ok(['logs', 'formatter'])).toBe('block special file 1:7\n');
    await kubectl.ok(['delete', 'pod/formatter', 'pvc/disk', 'pv/disk']);
    await vi.waitFor(() => expect(inPod.names.at(-1)).toBe('NodeUnstageVolume'), { timeout: 60_000 });
    inPod.calls.length = 0;
  });

  it('mounts for other pods of its node', async () => {
    const user = pod('user', {
      containers: [sh('main', 'ls /data; exec sleep 3600', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
      volumes: [{ name: 'data', csi: { driver: name } }],
    });
    await kubectl.ok(['apply', '-f', '-'], { input: listOf([user]) });
    await until<Pod>(kubectl, 'pod/user', isReady);
    expect(await kubectl.ok(['logs', 'user'])).toBe('from-the-driver\n');
    expect(inPod.calls[0]?.request.targetPath).toMatch(
      new RegExp(`^${seen}/pods/[0-9a-f-]+/volumes/kubernetes.io~csi/data/mount$`),
    );
    await kubectl.ok(['delete', 'pod/user']);
    expect(inPod.names).toEqual(['NodePublishVolume', 'NodeUnpublishVolume']);
    expect(await mountsOfDriver()).toEqual([]);
  });
});
