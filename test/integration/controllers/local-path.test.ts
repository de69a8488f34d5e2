import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  events,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  storageclasses,
} from '../../../src/api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../src/api/generated/types.ts';
import { realClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { seededRng } from '../../../src/base/rng.ts';
import type { Client } from '../../../src/client/client.ts';
import { LocalVolumes } from '../../../src/kubelet/local-volumes.ts';
import { Plane } from './plane.ts';

let plane: Plane;
let removed: string[];
let node: LocalVolumes | undefined;
beforeEach(async () => {
  removed = [];
  plane = await Plane.start({
    only: [
      'persistentvolume.binding',
      'persistentvolume.phase',
      'persistentvolume.protection',
      'persistentvolume.local-path',
      'persistentvolumeclaim.protection',
      'persistentvolumeclaim.local-path',
      'garbage.collection',
    ],
  });
  await plane.addNode('n1');
});
afterEach(async () => {
  node?.stop();
  node = undefined;
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = (name: string) => ({ namespace: 'default', name });
const asNode = (name: string): Client =>
  plane.cluster.clientFor({ user: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] });
/** The agent of a node, as far as volumes are concerned. */
function startNode(
  name: string,
  removeData = async ({ metadata }: PersistentVolume) => void removed.push(metadata.name),
) {
  node = new LocalVolumes(
    { client: asNode(name), clock: realClock, rng: seededRng(1), log: silentLog, removeData },
    name,
  );
  node.start();
}
const makeClaim = (name: string, spec: object = {}) =>
  plane.admin.create(persistentvolumeclaims, {
    metadata: key(name),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  } as never);
/** What the scheduler does when the first pod comes. */
async function select(name: string, selected: string): Promise<void> {
  await plane.settle();
  await plane.patch(persistentvolumeclaims, name, {
    metadata: { annotations: { 'volume.kubernetes.io/selected-node': selected } },
  });
  await plane.settle();
}
const claim = (name: string): Promise<PersistentVolumeClaim> => plane.get(persistentvolumeclaims, name);
const volumes = () => plane.list(persistentvolumes);
async function makeBound(name: string): Promise<PersistentVolume> {
  await makeClaim(name);
  await select(name, 'n1');
  return plane.get(persistentvolumes, (await claim(name)).spec.volumeName ?? '');
}
const gone = async () => {
  await expect.poll(async () => (await plane.settle(100), await volumes()), { timeout: 10_000 }).toEqual([]);
};

describe('the built-in storage', () => {
  it('is the default class; a claim gets a folder on the node of its first pod', async () => {
    const waiting = await makeClaim('c');
    expect(waiting.spec.storageClassName).toBe('local-path');
    await plane.settle();
    expect((await claim('c')).status?.phase).toBe('Pending');
    await select('c', 'n1');
    const bound = await claim('c');
    const name = `pvc-${bound.metadata.uid}`;
    expect(bound).toMatchObject({
      spec: { volumeName: name },
      status: { phase: 'Bound', capacity: { storage: '1Gi' } },
    });
    expect(await plane.get(persistentvolumes, name)).toMatchObject({
      metadata: {
        labels: { 'local-path.knarr.dev/node': 'n1' },
        annotations: { 'pv.kubernetes.io/provisioned-by': 'local-path.knarr.dev' },
      },
      spec: {
        csi: { driver: 'local-path.knarr.dev', volumeHandle: name },
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'local-path',
      },
      status: { phase: 'Bound' },
    });
    expect((await plane.list(events)).map((e) => e.message)).toContain(`Successfully provisioned volume ${name}`);
    expect(await plane.writesOfRestart([persistentvolumes, persistentvolumeclaims])).toEqual([]);
  });

  it('grows when the claim asks for more', async () => {
    const { metadata } = await makeBound('c');
    await plane.patch(persistentvolumeclaims, 'c', { spec: { resources: { requests: { storage: '3Gi' } } } });
    await plane.settle();
    expect((await claim('c')).status?.capacity).toEqual({ storage: '3Gi' });
    expect((await plane.get(persistentvolumes, metadata.name)).spec.capacity).toEqual({ storage: '3Gi' });
    expect(await plane.writesOfRestart([persistentvolumes, persistentvolumeclaims])).toEqual([]);
  });

  it('the node removes the data with the claim, and only then the volume goes', async () => {
    const { metadata } = await makeBound('c');
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle();
    expect((await volumes()).map((v) => v.metadata.finalizers)).toEqual([['local-path.knarr.dev/data']]);
    startNode('n1');
    await gone();
    expect(removed).toEqual([metadata.name]);
  });

  it('data stay when the policy retains them, and while a claim has the volume', async () => {
    const { metadata } = await makeBound('c');
    startNode('n1');
    await plane.admin.delete(persistentvolumes, { name: metadata.name });
    await plane.settle();
    expect(await volumes()).toHaveLength(1);
    await plane.patch(persistentvolumes, metadata.name, { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await gone();
    expect(removed).toEqual([]);
  });

  it('goes with a node that is no more; another node may not let go of it', async () => {
    const { metadata } = await makeBound('c');
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle();
    const volume = await plane.get(persistentvolumes, metadata.name);
    const free = { ...volume, metadata: { ...volume.metadata, finalizers: [] } };
    await expect(asNode('n2').update(persistentvolumes, free)).rejects.toThrow(
      'node "n2" can only release deleted volumes of its own disk',
    );
    await plane.admin.delete(nodes, { name: 'n1' });
    await plane.settle();
    expect(await volumes()).toEqual([]);
  });

  it('a node cannot touch what is in use, nor change what a volume says', async () => {
    const bound = await makeBound('c');
    const update = (volume: PersistentVolume) => asNode('n1').update(persistentvolumes, volume);
    await expect(update({ ...bound, metadata: { ...bound.metadata, finalizers: [] } })).rejects.toThrow(
      'can only release',
    );
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle();
    const going = await plane.get(persistentvolumes, bound.metadata.name);
    const spec = { ...going.spec, capacity: { storage: '9Gi' } };
    await expect(update({ ...going, spec })).rejects.toThrow('can only remove the finalizer');
  });

  it('says what it cannot do; a node that went away is chosen anew', async () => {
    await makeClaim('shared', { accessModes: ['ReadWriteMany'] });
    await select('shared', 'n1');
    expect((await plane.list(events)).find((e) => e.reason === 'ProvisioningFailed')?.message).toBe(
      'failed to provision volume with StorageClass "local-path": local-path.knarr.dev only supports ReadWriteOnce and ReadWriteOncePod access modes, not ReadWriteMany',
    );
    await makeClaim('lost');
    await select('lost', 'n9');
    expect((await claim('lost')).metadata.annotations).not.toHaveProperty('volume.kubernetes.io/selected-node');
    expect(await volumes()).toEqual([]);
  });

  it('is somebody else’s to replace: a class that is no longer the default stays so', async () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'false' };
    await plane.patch(storageclasses, 'local-path', { metadata: { annotations } });
    await plane.cluster.restart('apiserver');
    const { metadata } = await plane.get(storageclasses, 'local-path');
    expect(metadata.annotations).toEqual(annotations);
  });
});
