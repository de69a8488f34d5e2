import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ipaddresses,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  secrets,
  servicecidrs,
  services,
  storageclasses,
} from '../../../src/api/generated/resources.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: [
      'persistentvolume.binding',
      'persistentvolume.phase',
      'persistentvolume.protection',
      'persistentvolumeclaim.protection',
      'pod.ephemeral-volumes',
      'garbage.collection',
      'serviceaccount.default',
      'servicecidr.status',
      'bootstraptoken.cleanup',
      'node.ttl',
      'pod.garbage',
      'pod.unscheduled-garbage',
    ],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = (name: string) => ({ namespace: 'default', name });
/** Of no class: not even the default one. */
const asked = (storage = '1Gi') => ({
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage } },
  storageClassName: '',
});
async function makeVolume(name: string, spec: object = {}): Promise<void> {
  const hostPath = { path: `/srv/${name}` };
  const common = { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], hostPath };
  await plane.admin.create(persistentvolumes, { metadata: { name }, spec: { ...common, ...spec } } as never);
  await plane.settle();
}
async function makeClaim(name: string, spec: object = {}): Promise<void> {
  await plane.admin.create(persistentvolumeclaims, { metadata: key(name), spec: { ...asked(), ...spec } } as never);
  await plane.settle();
}
const volume = (name: string) => plane.get(persistentvolumes, name);
const claim = (name: string) => plane.get(persistentvolumeclaims, name);
const makePod = (name: string, volumes: object[]) =>
  plane.admin.create(pods, { metadata: key(name), spec: { ...template('x').spec, volumes } } as never);
const watched = [persistentvolumes, persistentvolumeclaims];

describe('volumes and claims', () => {
  it('come together, and part when the claim goes', async () => {
    await makeVolume('v');
    expect((await volume('v')).status?.phase).toBe('Available');
    await makeClaim('c');
    expect(await claim('c')).toMatchObject({
      metadata: {
        annotations: { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' },
        finalizers: ['kubernetes.io/pvc-protection'],
      },
      spec: { volumeName: 'v' },
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } },
    });
    expect(await volume('v')).toMatchObject({
      metadata: { finalizers: ['kubernetes.io/pv-protection'] },
      spec: { claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c' } },
      status: { phase: 'Bound' },
    });
    expect(await plane.writesOfRestart(watched)).toEqual([]);
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle();
    expect((await volume('v')).status?.phase).toBe('Released');
    await makeClaim('c');
    expect((await claim('c')).status?.phase).toBe('Pending');
    await plane.admin.delete(persistentvolumes, { name: 'v' });
    await plane.settle();
    expect(await plane.names(persistentvolumes)).toEqual([]);
  });

  it('a claim waits for a volume, and gets it when it comes', async () => {
    await makeClaim('c');
    expect((await claim('c')).status?.phase).toBe('Pending');
    expect(await plane.eventReasons()).toContain('FailedBinding');
    await makeVolume('v');
    expect((await claim('c')).status?.phase).toBe('Bound');
    // A bound volume does not go.
    await plane.admin.delete(persistentvolumes, { name: 'v' });
    await plane.settle(5000);
    expect((await volume('v')).metadata.deletionTimestamp).toBeDefined();
  });

  it('asks the provisioner of a class, at once or when a pod has a node', async () => {
    const make = (name: string, more: object) =>
      plane.admin.create(storageclasses, { metadata: { name }, provisioner: 'csi.example.com', ...more });
    await make('fast', {});
    await make('late', { volumeBindingMode: 'WaitForFirstConsumer' });
    const name = 'volume.kubernetes.io/storage-provisioner';
    await makeClaim('a', { storageClassName: 'fast' });
    expect((await claim('a')).metadata.annotations?.[name]).toBe('csi.example.com');
    expect(await plane.eventReasons()).toContain('ExternalProvisioning');
    await makeClaim('b', { storageClassName: 'late' });
    expect((await claim('b')).metadata.annotations?.[name]).toBeUndefined();
    expect(await plane.eventReasons()).toContain('WaitForFirstConsumer');
    await plane.patch(persistentvolumeclaims, 'b', {
      metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'n1' } },
    });
    await plane.settle();
    expect((await claim('b')).metadata.annotations?.[name]).toBe('csi.example.com');
    // What the provisioner does.
    await makeVolume('made', {
      storageClassName: 'late',
      claimRef: { ...key('b'), uid: (await claim('b')).metadata.uid },
    });
    expect((await claim('b')).spec.volumeName).toBe('made');
  });

  it('a claim in use goes when its pod does', async () => {
    await makeVolume('v');
    await makeClaim('c');
    await makePod('user', [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }]);
    await plane.runPods();
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle(5000);
    expect((await claim('c')).metadata.deletionTimestamp).toBeDefined();
    await plane.admin.delete(pods, key('user'));
    await plane.runPods();
    expect(await plane.names(persistentvolumeclaims)).toEqual([]);
  });

  it('a pod has claims of its own for its ephemeral volumes', async () => {
    await makePod('p', [
      { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: asked() } } },
    ]);
    await plane.runPods();
    expect((await claim('p-scratch')).metadata).toMatchObject({
      labels: { a: 'b' },
      ownerReferences: [{ kind: 'Pod', name: 'p', controller: true, blockOwnerDeletion: true }],
    });
    await plane.admin.delete(pods, key('p'));
    await plane.runPods();
    expect(await plane.names(persistentvolumeclaims)).toEqual([]);
  });
});

describe('small controllers', () => {
  it('a range of service addresses is ready, and stays while an address needs it', async () => {
    const ready = async () => (await plane.get(servicecidrs, 'kubernetes')).status?.conditions?.[0];
    expect(await ready()).toMatchObject({ type: 'Ready', status: 'True' });
    await plane.admin.create(services, { metadata: key('s'), spec: { ports: [{ port: 80 }], selector: { a: 'b' } } });
    await plane.admin.delete(servicecidrs, { name: 'kubernetes' });
    await plane.settle();
    expect(await ready()).toMatchObject({ status: 'False', reason: 'Terminating' });
    for (const { metadata } of await plane.list(ipaddresses)) await plane.admin.delete(ipaddresses, metadata);
    await plane.settle();
    expect(await plane.names(servicecidrs)).toEqual([]);
  });

  it('tokens for joining end', async () => {
    const expiration = Buffer.from('2026-01-01T01:00:00Z').toString('base64');
    const metadata = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
    await plane.admin.create(secrets, { metadata, type: 'bootstrap.kubernetes.io/token', data: { expiration } });
    await plane.settle(50 * 60_000);
    const tokens = async () => (await plane.list(secrets, 'kube-system')).map((s) => s.metadata.name);
    expect(await tokens()).toContain('bootstrap-token-abcdef');
    await plane.settle(15 * 60_000);
    expect(await tokens()).not.toContain('bootstrap-token-abcdef');
  });

  it('pods that nobody else can end are ended', async () => {
    const makeHeld = (name: string) =>
      plane.admin.create(pods, {
        metadata: { ...key(name), finalizers: ['x.io/held'] },
        spec: template('x').spec,
      } as never);
    await makeHeld('unscheduled');
    await plane.admin.delete(pods, key('unscheduled'));
    await plane.addNode('n1');
    await makeHeld('orphan');
    await makePod('dead', []);
    await plane.settle();
    for (const name of ['orphan', 'dead']) await plane.bind(await plane.get(pods, name));
    expect((await plane.get(pods, 'unscheduled')).status?.phase).toBe('Failed');
    await plane.admin.delete(pods, key('dead'));
    await plane.patch(nodes, 'n1', {
      spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    });
    await plane.settle();
    expect(await plane.names(pods)).toEqual(['orphan', 'unscheduled']);
    await plane.admin.delete(nodes, { name: 'n1' });
    await plane.settle(60_000);
    const orphan = await plane.get(pods, 'orphan');
    expect(orphan.metadata.deletionTimestamp).toBeDefined();
    const message = 'PodGC: node no longer exists';
    expect(orphan.status?.phase).toBe('Failed');
    expect(orphan.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message }),
    );
  });

  it('nodes are told how long to keep secrets', async () => {
    await plane.addNode('n1');
    await plane.settle();
    expect((await plane.get(nodes, 'n1')).metadata.annotations?.['node.alpha.kubernetes.io/ttl']).toBe('0');
    expect(await plane.writesOfRestart([nodes])).toEqual([]);
  });
});
