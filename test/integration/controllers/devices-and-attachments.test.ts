import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clusterrolebindings,
  clusterroles,
  csidrivers,
  events,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  resourceclaims,
  resourceclaimtemplates,
  volumeattachments,
  volumeattributesclasses,
} from '../../../src/api/generated/resources.ts';
import type { Pod, VolumeAttachment } from '../../../src/api/generated/types.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: [
      'persistentvolume.binding',
      'persistentvolume.phase',
      'persistentvolume.protection',
      'persistentvolumeclaim.protection',
      'persistentvolumeclaim.expansion',
      'volumeattachment.attachment',
      'volumeattributesclass.protection',
      'resourceclaim.pod-claims',
      'resourceclaim.release',
      'garbage.collection',
      'serviceaccount.default',
    ],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = (name: string) => ({ namespace: 'default', name });
const saidOf = async (reason: string): Promise<string[]> =>
  (await plane.list(events)).filter((e) => e.reason === reason).map((e) => `${e.involvedObject.name}: ${e.message}`);
const makePod = (name: string, spec: object): Promise<Pod> =>
  plane.admin.create(pods, { metadata: key(name), spec: { ...template('x').spec, ...spec } } as never);

describe('volumes that are attached to nodes', () => {
  const attachments = () => plane.list(volumeattachments);
  const onNodes = async () => (await attachments()).map((a) => a.spec.nodeName).sort();

  /** A bound claim of a volume of `disk.example.com`. */
  async function makeVolume(name: string): Promise<void> {
    const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
    const csi = { driver: 'disk.example.com', volumeHandle: `handle-${name}` };
    await plane.admin.create(persistentvolumes, {
      metadata: { name },
      spec: { ...common, capacity: { storage: '1Gi' }, csi },
    } as never);
    await plane.admin.create(persistentvolumeclaims, {
      metadata: key(name),
      spec: { ...common, resources: { requests: { storage: '1Gi' } } },
    } as never);
    await plane.settle();
  }
  const podWith = (name: string, claimName: string, nodeName: string): Promise<Pod> =>
    makePod(name, { nodeName, volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] });
  /** What the driver's attacher does. */
  async function attachedBy(attachment: VolumeAttachment | undefined, status: object): Promise<void> {
    if (!attachment) throw new Error('there is no attachment');
    await plane.admin.patch(
      volumeattachments,
      { name: attachment.metadata.name },
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    );
    await plane.settle();
  }
  const mounted = async (node: string, names: string[]) => {
    const body = { status: { volumesInUse: names } };
    await plane.admin.patch(nodes, { name: node }, { type: 'merge', body }, { subresource: 'status' });
    await plane.settle();
  };

  beforeEach(async () => {
    await plane.addNode('n1');
    await plane.addNode('n2');
    await makeVolume('v');
  });

  it('are attached for the pods of a node, told to it, and detached when its kubelet has let go', async () => {
    await podWith('a', 'v', 'n1');
    await plane.settle();
    const [made] = await attachments();
    expect(made?.spec).toEqual({ attacher: 'disk.example.com', nodeName: 'n1', source: { persistentVolumeName: 'v' } });
    expect((await plane.get(nodes, 'n1')).status?.volumesAttached).toBeUndefined();

    await attachedBy(made, { attached: true });
    const onNode = 'kubernetes.io/csi/disk.example.com^handle-v';
    expect((await plane.get(nodes, 'n1')).status?.volumesAttached).toEqual([{ name: onNode, devicePath: '' }]);
    expect(await saidOf('SuccessfulAttachVolume')).toEqual(['a: AttachVolume.Attach succeeded for volume "v" ']);
    expect(await plane.writesOfRestart([volumeattachments, nodes])).toEqual([]);

    await mounted('n1', [onNode]);
    await plane.admin.delete(pods, key('a'), { gracePeriodSeconds: 0 });
    await plane.settle();
    expect(await onNodes()).toEqual(['n1']);
    await mounted('n1', []);
    expect(await onNodes()).toEqual([]);
    expect((await plane.get(nodes, 'n1')).status?.volumesAttached).toBeUndefined();
  });

  it('come to a second node only when the first has lost them', async () => {
    await podWith('a', 'v', 'n1');
    await plane.settle();
    await podWith('b', 'v', 'n2');
    await plane.settle();
    expect(await onNodes()).toEqual(['n1']);
    expect(await saidOf('FailedAttachVolume')).toEqual([
      'b: Multi-Attach error for volume "v" Volume is already used by pod(s) a',
    ]);
    await plane.admin.delete(pods, key('a'), { gracePeriodSeconds: 0 });
    await plane.settle();
    expect(await onNodes()).toEqual(['n2']);
  });

  it('are taken from a node that does not answer after six minutes, at once from one that is out of service', async () => {
    const onNode = 'kubernetes.io/csi/disk.example.com^handle-v';
    await podWith('a', 'v', 'n1');
    await plane.settle();
    await mounted('n1', [onNode]);
    await plane.admin.delete(pods, key('a'), { gracePeriodSeconds: 0 });
    await plane.settle(5 * 60_000);
    expect(await onNodes()).toEqual(['n1']);
    await plane.settle(70_000);
    expect(await onNodes()).toEqual([]);

    await podWith('b', 'v', 'n1');
    await plane.settle();
    await plane.admin.delete(pods, key('b'), { gracePeriodSeconds: 0 });
    await plane.settle();
    expect(await onNodes()).toEqual(['n1']);
    const outOfService = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };
    await plane.patch(nodes, 'n1', { spec: { taints: [outOfService] } });
    await plane.settle();
    expect(await onNodes()).toEqual([]);
  });

  it('are not asked for where the driver needs no attaching', async () => {
    await plane.admin.create(csidrivers, {
      metadata: { name: 'disk.example.com' },
      spec: { attachRequired: false },
    } as never);
    await podWith('a', 'v', 'n1');
    await plane.settle();
    expect(await onNodes()).toEqual([]);
  });

  it('tell the pod what its driver says', async () => {
    await podWith('a', 'v', 'n1');
    await plane.settle();
    await attachedBy((await attachments())[0], { attached: false, attachError: { message: 'no such disk' } });
    expect(await saidOf('FailedAttachVolume')).toEqual(['a: AttachVolume.Attach failed for volume "v" : no such disk']);
  });

  it('that should grow wait for the driver, and the claim is told', async () => {
    await plane.patch(persistentvolumeclaims, 'v', { spec: { resources: { requests: { storage: '1Gi' } } } });
    expect(await saidOf('ExternalExpanding')).toEqual([]);
    const status = { capacity: { storage: '500Mi' } };
    await plane.admin.patch(
      persistentvolumeclaims,
      key('v'),
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    );
    await plane.cluster.restart('controllers');
    await plane.settle();
    expect(await saidOf('ExternalExpanding')).toEqual([
      "v: didn't find a plugin capable of expanding the volume; waiting for an external controller to process this PVC",
    ]);
  });
});

describe('classes of volume attributes', () => {
  it('stay while a claim or a volume names them', async () => {
    await plane.admin.create(volumeattributesclasses, {
      metadata: { name: 'gold' },
      driverName: 'disk.example.com',
      parameters: { iops: '100' },
    } as never);
    await plane.admin.create(persistentvolumeclaims, {
      metadata: key('c'),
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        volumeAttributesClassName: 'gold',
      },
    } as never);
    await plane.settle();
    await plane.admin.delete(volumeattributesclasses, { name: 'gold' });
    await plane.settle();
    expect((await plane.get(volumeattributesclasses, 'gold')).metadata.finalizers).toEqual([
      'kubernetes.io/vac-protection',
    ]);
    await plane.admin.delete(persistentvolumeclaims, key('c'));
    await plane.settle();
    expect(await plane.names(volumeattributesclasses)).toEqual([]);
  });
});

describe('device claims', () => {
  const requests = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } };
  const withClaim = { resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpus' }] };
  const makeTemplate = () =>
    plane.admin.create(resourceclaimtemplates, {
      metadata: key('gpus'),
      spec: { metadata: { labels: { from: 'template' } }, spec: requests },
    } as never);
  const onlyClaim = async () => {
    const all = await plane.list(resourceclaims);
    expect(all).toHaveLength(1);
    return all[0] as (typeof all)[0];
  };
  /** What the scheduler does. */
  async function allocate(pod: Pod): Promise<void> {
    const claim = await onlyClaim();
    const finalizers = ['resource.kubernetes.io/delete-protection'];
    const named = await plane.admin.update(resourceclaims, { ...claim, metadata: { ...claim.metadata, finalizers } });
    const results = [{ request: 'gpu', driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' }];
    const reservedFor = [{ resource: 'pods', name: pod.metadata.name, uid: pod.metadata.uid }];
    const status = { allocation: { devices: { results } }, reservedFor };
    await plane.admin.update(resourceclaims, { ...named, status } as never, { subresource: 'status' });
    await plane.settle();
  }

  it('are made from the template of a pod, told to it, and go with it', async () => {
    await makeTemplate();
    const pod = await makePod('p', withClaim);
    await plane.settle();
    const claim = await onlyClaim();
    expect(claim.metadata).toMatchObject({
      labels: { from: 'template' },
      annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
      ownerReferences: [{ kind: 'Pod', uid: pod.metadata.uid, controller: true }],
    });
    expect(claim.metadata.name).toMatch(/^p-gpu-/);
    expect((await plane.get(pods, 'p')).status?.resourceClaimStatuses).toEqual([
      { name: 'gpu', resourceClaimName: claim.metadata.name },
    ]);
    expect(await plane.writesOfRestart([resourceclaims, pods])).toEqual([]);
    await allocate(pod);
    await plane.admin.delete(pods, key('p'), { gracePeriodSeconds: 0 });
    await plane.settle();
    expect(await plane.names(resourceclaims)).toEqual([]);
  });

  it('wait for a template that is not there yet', async () => {
    const pod = await makePod('p', withClaim);
    await plane.settle();
    expect(await plane.names(resourceclaims)).toEqual([]);
    expect((await saidOf('FailedResourceClaimCreation'))[0]).toContain('resource claim template "gpus"');
    // The refusal was expected.
    plane.warnings.length = 0;
    await makeTemplate();
    await plane.settle();
    expect((await onlyClaim()).metadata.ownerReferences?.[0]?.uid).toBe(pod.metadata.uid);
  });

  it('give their devices back when the pod is done', async () => {
    await plane.admin.create(resourceclaims, { metadata: key('shared'), spec: requests } as never);
    const pod = await makePod('p', { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] });
    await allocate(pod);
    // The controller may not speak for drivers, and need not.
    const devices = [{ driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' }];
    const told = { type: 'merge' as const, body: { status: { devices } } };
    await plane.admin.patch(resourceclaims, key('shared'), told, { subresource: 'status' });
    expect((await onlyClaim()).status).toMatchObject({ allocation: expect.anything(), devices });
    await plane.setPodStatus(pod, { phase: 'Succeeded' });
    await plane.settle();
    const { metadata, status } = await onlyClaim();
    expect(status?.allocation).toBeUndefined();
    expect(status?.reservedFor).toBeUndefined();
    expect(status?.devices).toBeUndefined();
    expect(metadata.finalizers).toBeUndefined();
    expect(await plane.writesOfRestart([resourceclaims, pods])).toEqual([]);
  });

  it('are written as a whole only by those who may bind claims and speak for drivers', async () => {
    await plane.admin.create(resourceclaims, { metadata: key('shared'), spec: requests } as never);
    const pod = await makePod('p', { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] });
    const driver = plane.cluster.clientFor({ serviceAccount: 'default/driver' });
    const rule = (resource: string, ...verbs: string[]) => ({
      apiGroups: ['resource.k8s.io'],
      resources: [`resourceclaims/${resource}`],
      verbs,
    });
    const may = (...rules: ReturnType<typeof rule>[]) => plane.patch(clusterroles, 'driver', { rules });
    await plane.admin.create(clusterroles, {
      metadata: { name: 'driver' },
      rules: [rule('status', 'patch', 'update')],
    });
    await plane.admin.create(clusterrolebindings, {
      metadata: { name: 'driver' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'driver' },
      subjects: [{ kind: 'ServiceAccount', name: 'driver', namespace: 'default' }],
    });
    const tell = (condition: string) => {
      const device = { driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' };
      const conditions = [
        { type: condition, status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ];
      const body = { status: { devices: [{ ...device, conditions }] } };
      return driver.patch(resourceclaims, key('shared'), { type: 'merge', body }, { subresource: 'status' });
    };
    const give = (reservedFor: object[]) => {
      const body = { status: { reservedFor } };
      return driver.patch(resourceclaims, key('shared'), { type: 'merge', body }, { subresource: 'status' });
    };
    await allocate(pod);
    await expect(tell('Ready')).rejects.toThrow('status.devices: Forbidden: changing status.devices requires');
    await expect(give([])).rejects.toThrow(
      'status: Forbidden: changing status.allocation or status.reservedFor requires',
    );
    await may(rule('status', 'patch', 'update'), rule('driver', 'arbitrary-node:patch'));
    expect((await tell('Ready')).status?.devices?.[0]?.conditions?.[0]?.type).toBe('Ready');
    await expect(give([])).rejects.toThrow('verb="patch" permission');
    await may(rule('status', 'patch', 'update'), rule('binding', 'patch'));
    expect((await give([])).status?.reservedFor ?? []).toEqual([]);
    await expect(tell('Broken')).rejects.toThrow('verb="[arbitrary-node:patch]" permission');
  });
});
