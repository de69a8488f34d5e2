import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deviceclasses,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  resourceclaims,
  resourceslices,
  storageclasses,
} from '../../src/api/generated/resources.ts';
import type { Cluster } from '../../src/testing/cluster.ts';
import { startCluster } from '../../src/testing/start-cluster.ts';

/** Scheduler and controllers with nothing but their own roles, and a hollow node: nothing runs. */
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 1 });
});
afterEach(() => cluster.stop());

const key = (name: string) => ({ namespace: 'default', name });
const run = (name: string, spec: object) =>
  cluster.client.create(pods, {
    metadata: key(name),
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  } as never);
const get = (name: string) => cluster.client.get(pods, key(name));

describe('a pod whose binding takes a while', () => {
  it('says where it will go until it is bound', async () => {
    await cluster.client.create(storageclasses, {
      metadata: { name: 'slow' },
      provisioner: 'disk.example.com',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    const common = { accessModes: ['ReadWriteOnce'], storageClassName: 'slow' };
    const claim = await cluster.client.create(persistentvolumeclaims, {
      metadata: key('data'),
      spec: { ...common, resources: { requests: { storage: '1Gi' } } },
    } as never);
    await run('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
    await cluster.advance('5s');
    const waiting = await get('p');
    expect([waiting.spec.nodeName, waiting.status.nominatedNodeName]).toEqual([undefined, 'node-1']);
    const claimRef = { kind: 'PersistentVolumeClaim', ...key('data'), uid: claim.metadata.uid };
    const csi = { driver: 'disk.example.com', volumeHandle: 'h' };
    await cluster.client.create(persistentvolumes, {
      metadata: { name: 'v' },
      spec: { ...common, capacity: { storage: '1Gi' }, csi, claimRef },
    } as never);
    await cluster.advance('5s');
    const bound = await get('p');
    expect([bound.spec.nodeName, bound.status.nominatedNodeName]).toEqual(['node-1', undefined]);
  });

  it('gets its devices from the scheduler, which may bind claims but not speak for drivers', async () => {
    const pool = { name: 'node-1', generation: 1, resourceSliceCount: 1 };
    const spec = { driver: 'gpu.example.com', pool, nodeName: 'node-1', devices: [{ name: 'd0' }] };
    await cluster.client.create(resourceslices, { metadata: { name: 's' }, spec });
    await cluster.client.create(deviceclasses, { metadata: { name: 'gpu' }, spec: {} });
    const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu' } }];
    await cluster.client.create(resourceclaims, { metadata: key('c'), spec: { devices: { requests } } });
    await run('p', { resourceClaims: [{ name: 'g', resourceClaimName: 'c' }] });
    await cluster.advance('5s');
    expect((await get('p')).spec.nodeName).toBe('node-1');
    const claimed = await cluster.client.get(resourceclaims, key('c'));
    expect(claimed.status).toMatchObject({ allocation: expect.anything(), reservedFor: [{ name: 'p' }] });
    const scheduler = cluster.clientFor({ user: 'system:kube-scheduler' });
    const devices = [{ driver: 'gpu.example.com', pool: 'node-1', device: 'd0' }];
    const word = { type: 'merge' as const, body: { status: { devices } } };
    await expect(scheduler.patch(resourceclaims, key('c'), word, { subresource: 'status' })).rejects.toThrow(
      'status.devices: Forbidden',
    );
  });
});
