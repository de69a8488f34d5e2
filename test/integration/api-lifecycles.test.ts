import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  deviceclasses,
  leases,
  nodes,
  pods,
  podtemplates,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
  runtimeclasses,
  serviceaccounts,
  storageclasses,
  volumeattachments,
} from '../../src/api/generated/resources.ts';
import type { KubeObject, ObjectKey, Resource } from '../../src/api/resource.ts';

import { startCluster } from '../../src/testing/start-cluster.ts';
import { startTestServer, type TestServer } from '../../src/apiserver/replay/server.fake.ts';

/** What every client does with an object from its first day to its last, for kinds that nodes, storage and devices need. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(serviceaccounts, { metadata: { namespace: 'default', name: 'default' } });
});
afterAll(() => server.close());

/** DELETE of a collection, narrowed to labels. */
async function deleteAll({ group, version, resource, namespaced }: Resource, labelSelector: string): Promise<void> {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const path = `${root}${namespaced ? '/namespaces/default' : ''}/${resource}?labelSelector=${labelSelector}`;
  const { status } = await server.send({ method: 'DELETE', path });
  expect(status).toBe(200);
}

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const claim = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } };
const selectors = [{ cel: { expression: "device.driver == 'test.io'" } }];
const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
const attachment = { attacher: 'test.io', nodeName: 'n1', source: { persistentVolumeName: 'v' } };

interface Case {
  resource: Resource;
  object: object;
  /** A change that is allowed, and where it can be seen. */
  change: object;
}

const cases: [kind: string, Case][] = [
  [
    'PodTemplate',
    { resource: podtemplates, object: { template }, change: { template: { metadata: { labels: { app: 'y' } } } } },
  ],
  [
    'Lease',
    {
      resource: leases,
      object: { spec: { holderIdentity: 'a' } },
      change: { spec: { holderIdentity: 'b', leaseTransitions: 1 } },
    },
  ],
  [
    'RuntimeClass',
    { resource: runtimeclasses, object: { handler: 'h' }, change: { metadata: { annotations: { changed: 'yes' } } } },
  ],
  [
    'CSIDriver',
    {
      resource: csidrivers,
      object: { spec: { attachRequired: false } },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
  ],
  [
    'CSINode',
    {
      resource: csinodes,
      object: { spec: { drivers: [{ name: 'test.io', nodeID: 'n1' }] } },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
  ],
  [
    'CSIStorageCapacity',
    { resource: csistoragecapacities, object: { storageClassName: 's', capacity: '1Gi' }, change: { capacity: '2Gi' } },
  ],
  [
    'StorageClass',
    { resource: storageclasses, object: { provisioner: 'test.io' }, change: { allowVolumeExpansion: true } },
  ],
  [
    'VolumeAttachment',
    {
      resource: volumeattachments,
      object: { spec: attachment },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
  ],
  ['DeviceClass', { resource: deviceclasses, object: { spec: {} }, change: { spec: { selectors } } }],
  [
    'ResourceClaim',
    { resource: resourceclaims, object: { spec: claim }, change: { metadata: { annotations: { changed: 'yes' } } } },
  ],
  [
    'ResourceClaimTemplate',
    {
      resource: resourceclaimtemplates,
      object: { spec: { spec: claim } },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
  ],
  [
    'ResourceSlice',
    {
      resource: resourceslices,
      object: { spec: { driver: 'test.io', nodeName: 'n1', pool } },
      change: { spec: { pool: { ...pool, generation: 2 } } },
    },
  ],
];

const label = { lifecycle: 'all' };
const keyOf = ({ namespaced }: Resource, name: string): ObjectKey =>
  namespaced ? { namespace: 'default', name } : { name };

describe('an object is made, found, watched, changed, replaced and deleted', () => {
  it.each(cases)('%s', async (_, { resource, object, change }) => {
    const { admin } = server;
    const at = (name: string) => keyOf(resource, name);
    const within = resource.namespaced ? { namespace: 'default' } : {};
    const selected = { ...within, labelSelector: 'lifecycle=all' };
    const seen: string[] = [];
    const watch = admin.watch(resource, selected, {
      events: (events) => seen.push(...events.map(({ type }) => type)),
      end: () => {},
    });
    const make = (name: string) =>
      admin.create(resource, { metadata: { ...at(name), labels: label }, ...object } as KubeObject);
    const made = await make('one');
    expect(made.metadata).toMatchObject({ name: 'one', uid: expect.any(String), resourceVersion: expect.any(String) });
    await expect(make('one')).rejects.toMatchObject({ reason: 'AlreadyExists' });
    expect(await admin.get(resource, at('one'))).toMatchObject(object);
    expect((await admin.list(resource, selected)).items).toHaveLength(1);
    expect((await admin.list(resource, { labelSelector: 'lifecycle=all' })).items).toHaveLength(1);
    const patched = await admin.patch(resource, at('one'), { type: 'merge', body: change });
    expect(patched).toMatchObject(change);
    const labels = { ...label, replaced: 'yes' };
    const replaced = await admin.update(resource, { ...patched, metadata: { ...patched.metadata, labels } });
    expect(replaced.metadata.labels).toEqual(labels);
    await expect(admin.update(resource, { ...patched })).rejects.toMatchObject({ reason: 'Conflict' });
    await admin.delete(resource, at('one'));
    await expect(admin.get(resource, at('one'))).rejects.toMatchObject({ reason: 'NotFound' });
    for (const name of ['two', 'three']) await make(name);
    await deleteAll(resource, 'lifecycle=all');
    expect((await admin.list(resource, selected)).items).toEqual([]);
    await vi.waitFor(() => expect(seen).toHaveLength(8));
    expect(seen).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED', 'ADDED', 'ADDED', 'DELETED', 'DELETED']);
    watch.stop();
  });
});

describe('a runtime class', () => {
  const podOf = (name: string, runtimeClassName: string) => ({
    metadata: { namespace: 'default', name },
    spec: { runtimeClassName, containers: [{ name: 'c', image: 'i' }] },
  });
  const create = (name: string, runtimeClassName: string) => server.admin.create(pods, podOf(name, runtimeClassName));

  it('that is not there lets no pod in', async () => {
    const message = expect.stringContaining('RuntimeClass "none" not found');
    await expect(create('p', 'none')).rejects.toMatchObject({ reason: 'Forbidden', message });
  });

  it('that is not there any more lets no pod in', async () => {
    await server.admin.create(runtimeclasses, { metadata: { name: 'short' }, handler: 'h' });
    await server.admin.delete(runtimeclasses, { name: 'short' });
    const message = expect.stringContaining('RuntimeClass "short" not found');
    await expect(create('p', 'short')).rejects.toMatchObject({ reason: 'Forbidden', message });
  });

  it('gives a pod its overhead, or none, and the pod gets a node', async () => {
    const cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    const { client } = cluster;
    const podFixed = { cpu: '100m', memory: '64Mi' };
    await client.create(runtimeclasses, { metadata: { name: 'heavy' }, handler: 'h', overhead: { podFixed } });
    await client.create(runtimeclasses, { metadata: { name: 'light' }, handler: 'h' });
    await cluster.advance('1s');
    for (const name of ['heavy', 'light']) await client.create(pods, podOf(name, name));
    await cluster.advance('5s');
    const specs = (await client.list(pods, { namespace: 'default' })).items.map(({ spec }) => spec);
    expect(specs.map(({ overhead }) => overhead)).toEqual([podFixed, undefined]);
    expect(specs.every(({ nodeName }) => nodeName)).toBe(true);
    await cluster.stop();
  });
});

describe('a volume attachment', () => {
  it('is told how it went through its status alone', async () => {
    const { admin } = server;
    const metadata = { name: 'status' };
    await admin.create(volumeattachments, { metadata, spec: attachment });
    const type = 'merge' as const;
    const write = (body: object) => admin.patch(volumeattachments, metadata, { type, body }, { subresource: 'status' });
    expect((await write({ status: { attached: true } })).status).toMatchObject({ attached: true });
    const body = { spec: { attacher: 'other' }, status: { attachmentMetadata: { k: 'v' } } };
    expect(await write(body)).toMatchObject({
      spec: { attacher: 'test.io' },
      status: { attached: true, attachmentMetadata: { k: 'v' } },
    });
    const past = await admin.patch(volumeattachments, metadata, { type, body: { status: { attached: false } } });
    expect(past.status).toMatchObject({ attached: true });
    await admin.delete(volumeattachments, metadata);
  });
});

describe('a node', () => {
  it('is made, found, changed, its status too, and deleted', async () => {
    const { admin } = server;
    const made = await admin.create(nodes, {
      metadata: { name: 'fake', labels: label },
      spec: { unschedulable: true },
    });
    expect((await admin.get(nodes, { name: 'fake' })).metadata.uid).toBe(made.metadata.uid);
    expect(
      await admin.patch(nodes, { name: 'fake' }, { type: 'merge', body: { metadata: { labels: { patched: 'yes' } } } }),
    ).toMatchObject({
      metadata: { labels: { ...label, patched: 'yes' } },
    });
    const conditions = [{ type: 'Test', status: 'True', reason: 'E2E', message: 'set' }];
    const body = { status: { conditions } };
    await admin.patch(nodes, { name: 'fake' }, { type: 'merge', body }, { subresource: 'status' });
    const current = await admin.get(nodes, { name: 'fake' });
    expect(current.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Test', reason: 'E2E' }));
    await admin.update(nodes, { ...current, metadata: { ...current.metadata, labels: { ...label, updated: 'yes' } } });
    expect((await admin.list(nodes, { labelSelector: 'updated=yes' })).items).toHaveLength(1);
    await deleteAll(nodes, 'updated=yes');
    await expect(admin.get(nodes, { name: 'fake' })).rejects.toMatchObject({ reason: 'NotFound' });
  });
});
