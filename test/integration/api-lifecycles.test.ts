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
  configmaps,
  controllerrevisions,
  cronjobs,
  endpoints,
  endpointslices,
  events,
  flowschemas,
  ingressclasses,
  ingresses,
  limitranges,
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  priorityclasses,
  prioritylevelconfigurations,
  resourcequotas,
  secrets,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
  daemonsets,
  deployments,
  ipaddresses,
  poddisruptionbudgets,
  replicasets,
  servicecidrs,
  services,
  statefulsets,
  volumeattachments,
  volumeattributesclasses,
  persistentvolumeclaims,
  persistentvolumes,
} from '../../src/api/generated/resources.ts';
import type { KubeObject, ObjectKey, Resource } from '../../src/api/resource.ts';

import { staticPodOf } from '../../src/kubelet/static-pods/manifest.ts';
import { mirrorOf } from '../../src/kubelet/static-pods/mirror-pods.ts';
import { startCluster } from '../../src/testing/start-cluster.ts';
import { startTestServer, type TestServer } from '../../src/apiserver/replay/server.fake.ts';

/** What every client does with an object from its first day to its last, for kinds of all sorts: those that nodes, storage and devices need among them. */
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
  /** What its controller may say of it. */
  status?: object;
  /** That it has to go is a change of it, also when it goes at once. */
  isGraceful?: true;
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
    {
      resource: resourceclaims,
      object: { spec: claim },
      change: { metadata: { annotations: { changed: 'yes' } } },
      status: { allocation: { devices: { results: [{ request: 'r', driver: 'test.io', pool: 'p', device: 'd' }] } } },
    },
  ],
  [
    'VolumeAttributesClass',
    {
      resource: volumeattributesclasses,
      object: { driverName: 'test.io', parameters: { speed: 'high' } },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
  ],
  [
    'Pod',
    {
      resource: pods,
      isGraceful: true,
      object: { spec: template.spec },
      change: { metadata: { annotations: { changed: 'yes' } } },
      status: { message: 'told', reason: 'Told', conditions: [{ type: 'Told', status: 'True' }] },
    },
  ],
  [
    'Pod with a volume of a CSI driver',
    {
      resource: pods,
      isGraceful: true,
      object: {
        spec: {
          ...template.spec,
          automountServiceAccountToken: false,
          volumes: [{ name: 'v', csi: { driver: 'test.io', readOnly: true } }],
        },
      },
      change: { metadata: { annotations: { changed: 'yes' } } },
    },
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

const annotated = { metadata: { annotations: { changed: 'yes' } } };
const policy = {
  matchConstraints: {
    resourceRules: [{ apiGroups: ['none.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothings'] }],
  },
};
const mutation = { patchType: 'JSONPatch', jsonPatch: { expression: '[]' } };
const level = {
  type: 'Limited',
  limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } },
};
const rule = {
  subjects: [{ kind: 'User', user: { name: 'nobody' } }],
  nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/none'] }],
};
const job = { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } };
const backend = { service: { name: 's', port: { number: 80 } } };
const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' };
const condition = {
  type: 'Tried',
  status: 'True',
  reason: 'Test',
  message: 'tried',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

const others: [kind: string, Case][] = [
  ['ConfigMap', { resource: configmaps, object: { data: { a: '1' } }, change: { data: { b: '2' } } }],
  ['Secret', { resource: secrets, object: { data: { a: 'MQ==' } }, change: { data: { b: 'Mg==' } } }],
  ['ServiceAccount', { resource: serviceaccounts, object: {}, change: { automountServiceAccountToken: false } }],
  [
    'LimitRange',
    { resource: limitranges, object: { spec: { limits: [{ type: 'Pod', max: { cpu: '9' } }] } }, change: annotated },
  ],
  [
    'ResourceQuota',
    {
      resource: resourcequotas,
      object: { spec: { hard: { services: '99' } } },
      change: { spec: { hard: { services: '98' } } },
    },
  ],
  ['Event', { resource: events, object: { involvedObject, reason: 'r', type: 'Normal' }, change: { message: 'm' } }],
  [
    'ControllerRevision',
    { resource: controllerrevisions, object: { revision: 1, data: { a: 1 } }, change: { revision: 2 } },
  ],
  [
    'CronJob',
    {
      resource: cronjobs,
      object: { spec: { schedule: '0 0 1 1 *', jobTemplate: job } },
      change: { spec: { suspend: true } },
      status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
    },
  ],
  [
    'Endpoints',
    {
      resource: endpoints,
      object: { subsets: [{ addresses: [{ ip: '10.0.0.9' }], ports: [{ port: 80 }] }] },
      change: annotated,
    },
  ],
  [
    'EndpointSlice',
    {
      resource: endpointslices,
      object: { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.8'] }], ports: [{ port: 80 }] },
      change: { endpoints: [{ addresses: ['10.0.0.9'] }] },
    },
  ],
  [
    'Ingress',
    {
      resource: ingresses,
      object: { spec: { defaultBackend: backend } },
      change: annotated,
      status: { loadBalancer: { ingress: [{ ip: '10.0.0.9' }] } },
    },
  ],
  ['IngressClass', { resource: ingressclasses, object: { spec: { controller: 'test.io/c' } }, change: annotated }],
  ['PriorityClass', { resource: priorityclasses, object: { value: 5 }, change: { description: 'five' } }],
  [
    'FlowSchema',
    {
      resource: flowschemas,
      object: { spec: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 9999, rules: [rule] } },
      change: { spec: { matchingPrecedence: 9998 } },
      status: { conditions: [condition] },
    },
  ],
  [
    'PriorityLevelConfiguration',
    {
      resource: prioritylevelconfigurations,
      object: { spec: level },
      change: annotated,
      status: { conditions: [condition] },
    },
  ],
  [
    'ValidatingAdmissionPolicy',
    {
      resource: validatingadmissionpolicies,
      object: { spec: { ...policy, validations: [{ expression: 'true' }] } },
      change: annotated,
      status: { conditions: [condition] },
    },
  ],
  [
    'ValidatingAdmissionPolicyBinding',
    {
      resource: validatingadmissionpolicybindings,
      object: { spec: { policyName: 'none', validationActions: ['Deny'] } },
      change: annotated,
    },
  ],
  [
    'MutatingAdmissionPolicy',
    {
      resource: mutatingadmissionpolicies,
      object: { spec: { ...policy, reinvocationPolicy: 'Never', mutations: [mutation] } },
      change: annotated,
    },
  ],
  [
    'MutatingAdmissionPolicyBinding',
    { resource: mutatingadmissionpolicybindings, object: { spec: { policyName: 'none' } }, change: annotated },
  ],
];

const selector = { matchLabels: { app: 'x' } };
const workload = { selector, template: { ...template, spec: { containers: [{ name: 'c', image: 'i' }] } } };
const conditions = [condition];

/** Workloads without their controllers: nothing of them runs. */
const workloads: [kind: string, Case][] = [
  [
    'Deployment',
    {
      resource: deployments,
      object: { spec: { ...workload, replicas: 0 } },
      change: { spec: { replicas: 2 } },
      status: { conditions },
    },
  ],
  [
    'ReplicaSet',
    {
      resource: replicasets,
      object: { spec: { ...workload, replicas: 0 } },
      change: { spec: { replicas: 2 } },
      status: { replicas: 0, conditions },
    },
  ],
  [
    'StatefulSet',
    {
      resource: statefulsets,
      object: { spec: { ...workload, serviceName: 's', replicas: 0 } },
      change: { spec: { replicas: 2 } },
      status: { replicas: 0, conditions },
    },
  ],
  [
    'DaemonSet',
    {
      resource: daemonsets,
      object: { spec: workload },
      change: { spec: { minReadySeconds: 1 } },
      status: { conditions },
    },
  ],
  [
    'PodDisruptionBudget',
    {
      resource: poddisruptionbudgets,
      object: { spec: { selector, minAvailable: 1 } },
      change: { spec: { minAvailable: 2 } },
      status: { disruptionsAllowed: 3 },
    },
  ],
  [
    'Service',
    {
      resource: services,
      object: { spec: { ports: [{ port: 80 }] } },
      change: { spec: { sessionAffinity: 'ClientIP' } },
      status: { conditions },
    },
  ],
  [
    'IPAddress',
    {
      resource: ipaddresses,
      object: { spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } } },
      change: annotated,
    },
  ],
  [
    'ServiceCIDR',
    {
      resource: servicecidrs,
      object: { spec: { cidrs: ['10.199.0.0/24'] } },
      change: annotated,
      status: { conditions },
    },
  ],
];

const label = { lifecycle: 'all' };
const keyOf = ({ namespaced }: Resource, name: string): ObjectKey =>
  namespaced ? { namespace: 'default', name } : { name };

describe('an object is made, found, watched, changed, replaced and deleted', () => {
  it.each([...cases, ...others, ...workloads])('%s', async (_, { resource, object, change, status, isGraceful }) => {
    const { admin } = server;
    // An IPAddress is called by its address.
    const called = (name: string) => (resource.kind === 'IPAddress' ? `10.96.7.${name.length}` : name);
    const at = (name: string) => keyOf(resource, called(name));
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
    expect(made.metadata).toMatchObject({
      name: called('one'),
      uid: expect.any(String),
      resourceVersion: expect.any(String),
    });
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
    if (status) {
      const body = { ...change, status };
      const patchedStatus = await admin.patch(resource, at('one'), { type: 'merge', body }, { subresource: 'status' });
      expect(patchedStatus).toMatchObject({ status });
    }
    await admin.delete(resource, at('one'));
    await expect(admin.get(resource, at('one'))).rejects.toMatchObject({ reason: 'NotFound' });
    for (const name of ['two', 'three']) await make(name);
    await deleteAll(resource, 'lifecycle=all');
    expect((await admin.list(resource, selected)).items).toEqual([]);
    const goes = isGraceful ? ['MODIFIED', 'DELETED'] : ['DELETED'];
    const told = status ? ['MODIFIED'] : [];
    const wanted = ['ADDED', 'MODIFIED', 'MODIFIED', ...told, ...goes, 'ADDED', 'ADDED', ...goes, ...goes];
    await vi.waitFor(() => expect(seen).toHaveLength(wanted.length));
    expect(seen).toEqual(wanted);
    watch.stop();
  });
});

describe('a key', () => {
  it('of a map or a secret that is empty is refused', async () => {
    const metadata = { namespace: 'default', name: 'empty-key' };
    const message = expect.stringContaining('a valid config key must consist of alphanumeric characters');
    for (const resource of [configmaps, secrets])
      await expect(
        server.admin.create(resource as Resource, { metadata, data: { '': 'MQ==' } } as KubeObject),
      ).rejects.toMatchObject({
        ...{ reason: 'Invalid', message },
      });
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

describe('the mirror of a static pod', () => {
  it('is what its node may make, tell of and delete, and no other node', async () => {
    const node = await server.admin.create(nodes, { metadata: { name: 'n1' }, spec: {} });
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    const pod = staticPodOf(manifest, { file: 'web.yaml', nodeName: 'n1', nowMs: 0 });
    const as = async (name: string, method: string, path: string, body: object) => {
      const user = { 'impersonate-user': `system:node:${name}`, 'impersonate-group': 'system:nodes' };
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const answer = await server.send({
        ...{ method, path: `/api/v1/namespaces/default/pods${path}`, headers: { 'content-type': type, ...user } },
        body: JSON.stringify(body),
      });
      return [answer.status, answer.body.toString()] as const;
    };
    const mirror = { kind: 'Pod', apiVersion: 'v1', ...mirrorOf(pod, node) };
    expect((await as('n2', 'POST', '', mirror))[0]).toBe(403);
    const [code, text] = await as('n1', 'POST', '', mirror);
    expect([code, text]).toEqual([201, expect.stringContaining('"kubernetes.io/config.mirror"')]);
    expect((await as('n1', 'PATCH', '/web-n1/status', { status: { phase: 'Running' } }))[0]).toBe(200);
    expect((await as('n2', 'DELETE', '/web-n1', { gracePeriodSeconds: 0 }))[0]).toBe(403);
    expect((await as('n1', 'DELETE', '/web-n1', { gracePeriodSeconds: 0 }))[0]).toBe(200);
    await server.admin.delete(nodes, { name: 'n1' });
  });
});

describe('the class of a pod', () => {
  it.each([
    { qos: 'Guaranteed', resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } } },
    { qos: 'Burstable', resources: { requests: { cpu: '1' } } },
    { qos: 'BestEffort', resources: {} },
  ])('is $qos from the start', async ({ qos, resources }) => {
    const { admin } = server;
    const metadata = { namespace: 'default', name: `class-${qos.toLowerCase()}` };
    const spec = { containers: [{ name: 'c', image: 'i', resources }] };
    expect((await admin.create(pods, { metadata, spec } as never)).status.qosClass).toBe(qos);
    await admin.delete(pods, metadata);
  });
});

describe('a volume and its claim', () => {
  it('are made, bound, told how they are, changed, and go when nobody uses them', async () => {
    const cluster = await startCluster();
    const { client } = cluster;
    const storage = { storage: '1Gi' };
    const spec = { accessModes: ['ReadWriteOnce' as const], storageClassName: '' };
    const source = {
      csi: { driver: 'test.io', volumeHandle: 'handle' },
      persistentVolumeReclaimPolicy: 'Retain' as const,
    };
    const volume = { name: 'volume' };
    const claimed = { namespace: 'default', name: 'claim' };
    await client.create(persistentvolumes, {
      metadata: { ...volume, labels: label },
      spec: { ...spec, ...source, capacity: storage },
    });
    await client.create(persistentvolumeclaims, {
      metadata: { ...claimed, labels: label },
      spec: { ...spec, resources: { requests: storage }, volumeName: 'volume' },
    });
    await cluster.waitFor(persistentvolumeclaims, 'claim', ({ status }) => status?.phase === 'Bound');
    expect((await client.get(persistentvolumes, volume)).spec.claimRef).toMatchObject({ name: 'claim' });
    const type = 'merge' as const;
    const condition = { type: 'Told', status: 'True' as const, lastTransitionTime: '2026-01-01T00:00:00Z' };
    const told = await client.patch(
      persistentvolumeclaims,
      claimed,
      { type, body: { status: { conditions: [condition] } } },
      { subresource: 'status' },
    );
    expect(told.status).toMatchObject({ phase: 'Bound', conditions: [condition] });
    const said = await client.patch(
      persistentvolumes,
      volume,
      { type, body: { status: { message: 'told', reason: 'Told' } } },
      { subresource: 'status' },
    );
    expect(said.status).toMatchObject({ phase: 'Bound', message: 'told', reason: 'Told' });
    for (const [resource, key] of [
      [persistentvolumes, volume],
      [persistentvolumeclaims, claimed],
    ] as const) {
      const body = { metadata: { labels: { patched: 'yes' } } };
      const patched = await client.patch(resource as Resource, key, { type, body });
      const labels = { ...patched.metadata.labels, replaced: 'yes' };
      await client.update(resource as Resource, { ...patched, metadata: { ...patched.metadata, labels } });
      const found = await client.list(resource as Resource, { labelSelector: 'replaced=yes,patched=yes' });
      expect(found.items.map(({ metadata }) => metadata.name)).toEqual([key.name]);
    }
    await client.delete(persistentvolumeclaims, claimed);
    await cluster.waitForAll(persistentvolumeclaims, { namespace: 'default' }, (all) => all.length === 0);
    await cluster.waitFor(persistentvolumes, 'volume', ({ status }) => status?.phase === 'Released');
    await client.delete(persistentvolumes, volume);
    await cluster.waitForAll(persistentvolumes, {}, (all) => all.length === 0);
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
