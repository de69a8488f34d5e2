import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PersistentVolume, Pod } from '../api/generated/types.ts';
import { realClock, sleep } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import { createCsi, type Csi } from '../kubelet/csi/csi.ts';
import { FakeDriver } from '../kubelet/csi/fake-driver.ts';
import { mountOfVolume } from '../kubelet/csi/csi-mount.ts';
import { PodPaths } from '../kubelet/pod-paths.ts';
import { TokenSource } from '../kubelet/volumes/token-source.ts';
import { type Cluster, resources, startCluster } from './testing.ts';

const { csinodes, nodes, persistentvolumeclaims, persistentvolumes, pods, volumeattachments } = resources;
const driverName = 'disk.example.com';
const nodeName = 'node-1';

/** As a driver's own manifests have it: who its sidecars are and what they may do. */
const manifests = `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ${driverName}}
spec: {attachRequired: true, tokenRequests: [{audience: vault}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: disk}
provisioner: ${driverName}
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sidecars, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sidecars}
rules:
- {apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, list, watch, update]}
- {apiGroups: [""], resources: [persistentvolumeclaims/status], verbs: [patch]}
- {apiGroups: [storage.k8s.io], resources: [csinodes, storageclasses], verbs: [get, list, watch]}
- {apiGroups: [storage.k8s.io], resources: [volumeattachments], verbs: [get, list, watch, patch]}
- {apiGroups: [storage.k8s.io], resources: [volumeattachments/status], verbs: [patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sidecars}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sidecars}
subjects: [{kind: ServiceAccount, name: sidecars, namespace: kube-system}]
---
apiVersion: v1
kind: Secret
metadata: {name: disk-secret, namespace: default}
stringData: {password: hush}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default}
spec: {storageClassName: disk, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer, namespace: default}
spec:
  containers: [{name: main, image: 'writer:1', volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`;

/** What a node has to do with drivers, against a real API server under the node's own name. */
describe('a CSI driver in a cluster', () => {
  let root = '';
  let cluster: Cluster;
  let csi: Csi;
  let driver: FakeDriver;
  let node: Client;
  let sidecars: Client;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'csi-'));
    cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    await cluster.apply(manifests);
    await cluster.settle();
    node = cluster.clientFor({ user: `system:node:${nodeName}`, groups: ['system:nodes'] });
    sidecars = cluster.clientFor({ serviceAccount: 'kube-system/sidecars' });
    csi = await createCsi({
      ...{ client: node, clock: realClock, log: silentLog, nodeName, paths: new PodPaths(root) },
      tokens: new TokenSource({ client: node, clock: realClock }),
      recorder: { event: () => {} },
      changed: () => void tellInUse(),
      wake: () => {},
    });
    await csi.start();
    driver = new FakeDriver({
      root,
      capabilities: ['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME'],
      info: { nodeId: 'n-1', accessibleTopology: { segments: { 'topology.disk.example.com/rack': 'r1' } } },
    });
    await driver.start();
    await until(async () => driver.answers.length > 0);
  });
  afterEach(async () => {
    csi.stop();
    await driver.stop();
    await cluster.stop();
    await rm(root, { recursive: true, force: true });
  });

  /** The sockets' time is the machine's, the cluster's is moved along. */
  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) {
      await cluster.advance('100ms');
      await sleep(realClock, 2);
    }
  }

  /** The part of the node's reports that volumes are told in. */
  async function tellInUse(): Promise<void> {
    const inUse = csi.volumes.inUse();
    const body = { status: { volumesInUse: inUse.length > 0 ? inUse : null } };
    await node.patch(nodes, { name: nodeName }, { type: 'merge', body }, { subresource: 'status' });
    csi.volumes.observe(await node.get(nodes, { name: nodeName }));
  }

  /** What external-provisioner and external-attacher do. */
  async function provision(): Promise<PersistentVolume> {
    const key = { namespace: 'default', name: 'data' };
    await until(async () => {
      const { annotations } = (await sidecars.get(persistentvolumeclaims, key)).metadata;
      return (
        annotations?.['volume.kubernetes.io/storage-provisioner'] === driverName &&
        annotations['volume.kubernetes.io/selected-node'] === nodeName
      );
    });
    const { metadata } = await sidecars.get(persistentvolumeclaims, key);
    const { topologyKeys } = (await sidecars.get(csinodes, { name: nodeName })).spec.drivers[0] ?? {};
    expect(topologyKeys).toEqual(['topology.disk.example.com/rack']);
    return sidecars.create(persistentvolumes, {
      metadata: { name: `pvc-${metadata.uid}`, annotations: { 'pv.kubernetes.io/provisioned-by': driverName } },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, storageClassName: 'disk' },
        claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', ...key, uid: metadata.uid },
        csi: {
          ...{ driver: driverName, volumeHandle: 'vol-1', fsType: 'ext4' },
          nodeStageSecretRef: { name: 'disk-secret', namespace: 'default' },
        },
        persistentVolumeReclaimPolicy: 'Delete',
      },
    });
  }

  async function attach(): Promise<void> {
    await until(async () => (await sidecars.list(volumeattachments)).items.length > 0);
    const [attachment] = (await sidecars.list(volumeattachments)).items;
    expect(attachment?.spec).toMatchObject({ attacher: driverName, nodeName });
    const body = { status: { attached: true, attachmentMetadata: { device: '/dev/sdx' } } };
    const key = { name: attachment?.metadata.name ?? '' };
    await sidecars.patch(volumeattachments, key, { type: 'merge', body }, { subresource: 'status' });
  }

  it('tells of the node, has its volume provisioned, attached, mounted, grown and taken down, each under its own name', async () => {
    expect((await cluster.client.get(nodes, { name: nodeName })).metadata.labels).toMatchObject({
      'topology.disk.example.com/rack': 'r1',
    });
    const volume = await provision();
    await until(
      async () =>
        (await cluster.client.get(pods, { namespace: 'default', name: 'writer' })).spec.nodeName !== undefined,
    );
    const pod: Pod = await cluster.client.get(pods, { namespace: 'default', name: 'writer' });
    const mount = mountOfVolume({ pod, volume: { name: 'data' }, readOnly: false }, volume);
    const mounted = csi.volumes.mount(mount);
    await attach();
    await until(async () => {
      csi.volumes.observe(await node.get(nodes, { name: nodeName }));
      return driver.names.includes('NodePublishVolume');
    });
    await mounted;
    expect(driver.calls[0]?.request).toMatchObject({
      secrets: { password: 'hush' },
      publishContext: { device: '/dev/sdx' },
    });
    expect(driver.calls[1]?.request.volumeContext['csi.storage.k8s.io/serviceAccount.tokens']).toMatch(
      /^\{"vault":\{"token":"ey/,
    );

    const key = { namespace: 'default', name: 'data' };
    const larger = { ...volume, spec: { ...volume.spec, capacity: { storage: '2Gi' } } };
    await csi.volumes.expand(mount, await node.get(persistentvolumeclaims, key), larger);
    expect((await node.get(persistentvolumeclaims, key)).status?.capacity).toEqual({ storage: '2Gi' });

    await cluster.client.delete(pods, { namespace: 'default', name: 'writer' });
    await csi.volumes.teardown(pod.metadata.uid ?? '');
    await until(async () => (await sidecars.list(volumeattachments)).items.length === 0);
    expect(driver.names).toEqual([
      ...['NodeStageVolume', 'NodePublishVolume', 'NodeExpandVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume'],
    ]);
  });

  it('has volumes of the plugin that it took over from', async () => {
    await cluster.apply(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: old}
spec:
  storageClassName: gp2
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  awsElasticBlockStore: {volumeID: 'aws://us-west-2b/vol-1', fsType: ext4}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: old, namespace: default}
spec: {storageClassName: gp2, volumeName: old, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: gp2}
provisioner: kubernetes.io/aws-ebs
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: new, namespace: default}
spec: {storageClassName: gp2, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: default}
spec:
  containers: [{name: main, image: 'writer:1', volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: old}}]
`);
    await until(async () => (await sidecars.list(volumeattachments)).items.length > 0);
    const [attachment] = (await sidecars.list(volumeattachments)).items;
    expect(attachment?.spec).toMatchObject({
      attacher: 'ebs.csi.aws.com',
      nodeName,
      source: { persistentVolumeName: 'old' },
    });
    const volume = await sidecars.get(persistentvolumes, { name: 'old' });
    expect(volume.metadata.annotations?.['pv.kubernetes.io/migrated-to']).toBe('ebs.csi.aws.com');
    const claim = await sidecars.get(persistentvolumeclaims, { namespace: 'default', name: 'new' });
    expect(claim.metadata.annotations?.['volume.kubernetes.io/storage-provisioner']).toBe('ebs.csi.aws.com');
    const key = { namespace: 'default', name: 'old' };
    await until(async () => (await sidecars.get(persistentvolumeclaims, key)).status?.phase === 'Bound');
    const body = { spec: { resources: { requests: { storage: '2Gi' } } } };
    await cluster.client.patch(persistentvolumeclaims, key, { type: 'merge', body });
    await until(async () => {
      const { annotations } = (await sidecars.get(persistentvolumeclaims, key)).metadata;
      return annotations?.['volume.kubernetes.io/storage-resizer'] === 'ebs.csi.aws.com';
    });
    const { metadata } = await sidecars.get(csinodes, { name: nodeName });
    expect(metadata.annotations?.['storage.alpha.kubernetes.io/migrated-plugins']).toContain('kubernetes.io/aws-ebs');
  });
});
