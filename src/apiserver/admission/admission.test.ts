import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  csidrivers,
  persistentvolumes,
  certificatesigningrequests,
  ingressclasses,
  ingresses,
  leases,
  limitranges,
  namespaces,
  nodes,
  persistentvolumeclaims,
  pods,
  priorityclasses,
  resourceclaims,
  roles,
  runtimeclasses,
  serviceaccounts,
  storageclasses,
} from '../../api/generated/resources.ts';
import type {
  CertificateSigningRequest,
  Node,
  Pod,
  PolicyRule,
  ResourceClaimStatus,
} from '../../api/generated/types.ts';
import type { StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { createCertificateRequest } from '../../pki/certificate-request.ts';
import { generateKeyPem } from '../../pki/key.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { Authorizer } from '../authz/authorizer.ts';
import { FakeObjectReader } from '../object-reader.fake.ts';
import { Admission } from './admission.ts';
import type { AdmissionVerb } from './plugin.ts';
import { pluginsWith } from './plugins.ts';

const admissionPlugins = pluginsWith({}, { resourceOf: () => undefined, readFile: () => '' });

const jane: UserInfo = { name: 'jane', groups: ['system:authenticated'] };
const n1: UserInfo = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

let read: FakeObjectReader;
let authorizer: Authorizer;
let admission: Admission;

beforeEach(() => {
  read = new FakeObjectReader();
  authorizer = new Authorizer(() => undefined);
  admission = new Admission(
    { read, authorizer, clock: new VirtualClock(), rng: seededRng(1) },
    { plugins: admissionPlugins },
  );
  read.put(namespaces, { metadata: { name: 'err' }, status: { phase: 'Active' } });
  read.put(serviceaccounts, { metadata: { namespace: 'err', name: 'default' }, imagePullSecrets: [{ name: 'pull' }] });
});

interface Write {
  verb?: AdmissionVerb;
  requestVerb?: string;
  subresource?: string;
  namespace?: string;
  object?: unknown;
  old?: unknown;
  user?: UserInfo;
}

/** Both passes over a write; the object may come back changed. */
async function run<T>(resource: Resource, write: Write): Promise<T> {
  const { verb = 'create', requestVerb = verb, subresource = '', user = jane, old } = write;
  const object = write.object as KubeObject | undefined;
  const name = (object ?? (old as KubeObject)).metadata.name;
  const namespace = write.namespace ?? (resource.namespaced ? 'err' : '');
  const request = {
    verb: requestVerb,
    endpoint: { kind: resource },
    subresource,
    namespace,
    name,
    user,
    warn() {},
  } as never;
  const all = { verb, request, object, old: old as KubeObject | undefined, dryRun: false };
  await admission.admit(all);
  await admission.validate(all);
  return object as T;
}
const refusal = (resource: Resource, write: Write): Promise<StatusError> =>
  run(resource, write).then(
    () => {
      throw new Error('was admitted');
    },
    (error: StatusError) => error,
  );
const message = async (resource: Resource, write: Write) => (await refusal(resource, write)).message;

const pod = (spec: object = {}, metadata: object = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'err', ...metadata },
    spec: { containers: [{ name: 'c', image: 'a' }], ...spec },
  }) as Pod;

describe('NamespaceLifecycle', () => {
  it('wants a namespace that is there and stays', async () => {
    expect(await message(pods, { namespace: 'x', object: pod() })).toBe('namespaces "x" not found');
    read.put(namespaces, { metadata: { name: 'err' }, status: { phase: 'Terminating' } });
    const { status } = await refusal(pods, { object: pod() });
    expect(status).toMatchObject({
      reason: 'Forbidden',
      message: 'pods "p" is forbidden: unable to create new content in namespace err because it is being terminated',
      details: {
        name: 'p',
        kind: 'pods',
        causes: [
          { reason: 'NamespaceTerminating', message: 'namespace err is being terminated', field: 'metadata.namespace' },
        ],
      },
    });
  });

  it('keeps the basic namespaces', async () => {
    expect(await message(namespaces, { verb: 'delete', old: { metadata: { name: 'default' } } })).toBe(
      'namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });
});

describe('ServiceAccount', () => {
  it('gives a pod its account, token volume and pull secrets', async () => {
    const { spec } = await run<Pod>(pods, { object: pod() });
    expect(spec).toMatchObject({
      serviceAccountName: 'default',
      serviceAccount: 'default',
      imagePullSecrets: [{ name: 'pull' }],
    });
    const [volume] = spec.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    });
    expect(spec.containers[0]?.volumeMounts).toEqual([
      { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ]);
  });

  it('leaves out the token where it is not wanted', async () => {
    const { spec } = await run<Pod>(pods, { object: pod({ automountServiceAccountToken: false }) });
    expect(spec.volumes).toBeUndefined();
    const own = {
      name: 'c',
      volumeMounts: [{ name: 'x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    };
    expect((await run<Pod>(pods, { object: pod({ containers: [own] }) })).spec.volumes).toBeUndefined();
  });

  it('wants the account to exist', async () => {
    expect(await message(pods, { object: pod({ serviceAccountName: 'no' }) })).toBe(
      'pods "p" is forbidden: error looking up service account err/no: serviceaccount "no" not found',
    );
  });
});

describe('LimitRanger', () => {
  beforeEach(() => {
    const limit = { type: 'Container', max: { cpu: '1' }, default: { cpu: '500m' }, defaultRequest: { cpu: '500m' } };
    read.put(limitranges, { metadata: { namespace: 'err', name: 'l' }, spec: { limits: [limit] } });
  });

  it('defaults and says so', async () => {
    const { metadata, spec } = await run<Pod>(pods, { object: pod() });
    expect(spec.containers[0]?.resources).toEqual({ requests: { cpu: '500m' }, limits: { cpu: '500m' } });
    expect(metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
    );
  });

  it('refuses too much, too little and too uneven', async () => {
    const container = { name: 'c', resources: { limits: { cpu: '2' } } };
    expect(await message(pods, { object: pod({ containers: [container] }) })).toBe(
      'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    );
    const limits = [{ type: 'Pod', min: { memory: '1Gi' }, maxLimitRequestRatio: { cpu: '2' } }];
    read.put(limitranges, { metadata: { namespace: 'err', name: 'l' }, spec: { limits } });
    const resources = { requests: { cpu: '1', memory: '256Mi' }, limits: { cpu: '3' } };
    const two = [
      { name: 'a', resources },
      { name: 'b', resources },
    ];
    expect(await message(pods, { object: pod({ containers: two }) })).toBe(
      'pods "p" is forbidden: [minimum memory usage per Pod is 1Gi, but request is 512Mi, cpu max limit to request ratio per Pod is 2, but provided ratio is 3.000000]',
    );
  });
});

describe('Priority', () => {
  it('resolves the class, or the default one', async () => {
    expect((await run<Pod>(pods, { object: pod() })).spec).toMatchObject({
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    read.put(priorityclasses, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
    read.put(priorityclasses, { metadata: { name: 'usual' }, value: 5, globalDefault: true });
    expect((await run<Pod>(pods, { object: pod({ priorityClassName: 'high' }) })).spec).toMatchObject({
      priority: 1000,
      preemptionPolicy: 'Never',
    });
    expect((await run<Pod>(pods, { object: pod() })).spec).toMatchObject({ priority: 5, priorityClassName: 'usual' });
  });

  it('refuses unknown classes, own numbers and a second default', async () => {
    expect(await message(pods, { object: pod({ priorityClassName: 'no' }) })).toBe(
      'pods "p" is forbidden: no PriorityClass with name no was found',
    );
    expect(await message(pods, { object: pod({ priority: 9 }) })).toContain(
      'the integer value of priority (9) must not be provided',
    );
    read.put(priorityclasses, { metadata: { name: 'usual' }, value: 5, globalDefault: true });
    const second = { metadata: { name: 'b' }, value: 1, globalDefault: true };
    expect(await message(priorityclasses, { object: second })).toContain(
      'PriorityClass usual is already marked as default',
    );
  });
});

describe('defaults', () => {
  it('of tolerations keep what the pod says', async () => {
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 };
    const { spec } = await run<Pod>(pods, { object: pod({ tolerations: [own] }) });
    expect(spec.tolerations).toEqual([own, { ...own, key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 }]);
    const all = [{ operator: 'Exists' }];
    expect((await run<Pod>(pods, { object: pod({ tolerations: all }) })).spec.tolerations).toEqual(all);
  });

  it('of nodes taint them', async () => {
    const node = await run<Node>(nodes, { object: { metadata: { name: 'n1' }, spec: {} } });
    expect(node.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });

  it('of classes pick the newest', async () => {
    const marked = (key: string, name: string, creationTimestamp: string) => ({
      metadata: { name, creationTimestamp, annotations: { [key]: 'true' } },
    });
    const storage = 'storageclass.kubernetes.io/is-default-class';
    read.put(storageclasses, marked(storage, 'old', '2026-01-01T00:00:00Z'));
    read.put(storageclasses, marked(storage, 'young', '2026-02-01T00:00:00Z'));
    read.put(ingressclasses, marked('ingressclass.kubernetes.io/is-default-class', 'nginx', '2026-01-01T00:00:00Z'));
    const claim = (spec: object) => ({ metadata: { namespace: 'err', name: 'c' }, spec });
    expect(await run(persistentvolumeclaims, { object: claim({}) })).toMatchObject({
      spec: { storageClassName: 'young' },
    });
    expect(await run(persistentvolumeclaims, { object: claim({ storageClassName: '' }) })).toMatchObject({
      spec: { storageClassName: '' },
    });
    const ingress = { metadata: { namespace: 'err', name: 'i' }, spec: {} };
    expect(await run(ingresses, { object: ingress })).toMatchObject({ spec: { ingressClassName: 'nginx' } });
  });

  it('of runtime classes add overhead and scheduling', async () => {
    const scheduling = { nodeSelector: { kvm: 'yes' }, tolerations: [{ key: 'kvm', operator: 'Exists' }] };
    read.put(runtimeclasses, {
      metadata: { name: 'vm' },
      handler: 'vm',
      overhead: { podFixed: { memory: '64Mi' } },
      scheduling,
    });
    const { spec } = await run<Pod>(pods, { object: pod({ runtimeClassName: 'vm' }) });
    expect(spec).toMatchObject({ overhead: { memory: '64Mi' }, nodeSelector: { kvm: 'yes' } });
    expect(spec.tolerations?.[0]).toMatchObject({ key: 'node.kubernetes.io/not-ready' });
    expect(await message(pods, { object: pod({ runtimeClassName: 'no' }) })).toBe(
      'pods "p" is forbidden: pod rejected: RuntimeClass "no" not found',
    );
    expect(await message(pods, { object: pod({ overhead: { memory: '1Mi' } }) })).toContain(
      'without corresponding RuntimeClass',
    );
  });
});

describe('growing a claim', () => {
  it('needs a class that allows it', async () => {
    const claim = (storage: string) => ({
      metadata: { namespace: 'err', name: 'c' },
      spec: { storageClassName: 'fast', resources: { requests: { storage } } },
      status: { phase: 'Bound' },
    });
    const write = { verb: 'update' as const, object: claim('2Gi'), old: claim('1Gi') };
    expect(await message(persistentvolumeclaims, write)).toContain('only dynamically provisioned pvc can be resized');
    read.put(storageclasses, { metadata: { name: 'fast' }, provisioner: 'x', allowVolumeExpansion: true });
    await run(persistentvolumeclaims, write);
  });
});

describe('NodeRestriction', () => {
  const node = (name: string, labels: object = {}, spec: object = {}) => ({ metadata: { name, labels }, spec });

  it('keeps a node to its own Node, and from labels and taints that matter', async () => {
    await run(nodes, { object: node('n1', { 'kubernetes.io/hostname': 'n1', mine: 'x' }), user: n1 });
    expect(await message(nodes, { object: node('n2'), user: n1 })).toBe(
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    );
    const relabel = { 'node-role.kubernetes.io/control-plane': '' };
    const update = { verb: 'update' as const, user: n1, old: node('n1') };
    expect(await message(nodes, { ...update, object: node('n1', relabel) })).toContain(
      'is not allowed to modify labels: node-role.kubernetes.io/control-plane',
    );
    const taints = { taints: [{ key: 'a', effect: 'NoSchedule' }] };
    expect(await message(nodes, { ...update, object: node('n1', {}, taints) })).toContain(
      'is not allowed to modify taints',
    );
    await run(nodes, { ...update, object: node('n1', relabel), user: jane });
  });

  it('lets it create mirror pods only, and touch pods of its own only', async () => {
    expect(await message(pods, { object: pod({ nodeName: 'n1' }), user: n1 })).toContain('can only create mirror pods');
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u' }];
    const metadata = { annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences };
    await run(pods, { object: pod({ nodeName: 'n1' }, metadata), user: n1 });
    const reaching = { nodeName: 'n1', volumes: [{ name: 'v', secret: { secretName: 's' } }] };
    expect(await message(pods, { object: pod(reaching, metadata), user: n1 })).toContain(
      'can not create pods that reference secrets',
    );
    expect(await message(pods, { verb: 'delete', old: pod({ nodeName: 'n2' }), user: n1 })).toContain(
      'can only delete pods',
    );
    const status = {
      verb: 'update' as const,
      subresource: 'status',
      object: pod({ nodeName: 'n2' }),
      old: pod({ nodeName: 'n2' }),
    };
    expect(await message(pods, { ...status, user: n1 })).toContain('can only update pod status for pods');
    await run(pods, { ...status, object: pod({ nodeName: 'n1' }), old: pod({ nodeName: 'n1' }), user: n1 });
  });

  it('gives it tokens of its own pods only', async () => {
    const projected = { sources: [{ serviceAccountToken: { path: 'token' } }] };
    read.put(pods, pod({ nodeName: 'n1', volumes: [{ name: 'token', projected }] }, { uid: 'u1' }));
    read.put(pods, pod({ nodeName: 'n2' }, { uid: 'u2', name: 'q' }));
    const ask = (boundObjectRef?: object) => ({
      object: { metadata: { name: 'default' }, spec: { boundObjectRef } },
      subresource: 'token',
      user: n1,
    });
    const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' };
    await run(serviceaccounts, ask(ref));
    expect(await message(serviceaccounts, ask())).toContain('node requested token not bound to a pod');
    expect(await message(serviceaccounts, ask({ ...ref, name: 'q', uid: 'u2' }))).toContain(
      'scheduled on a different node',
    );
    expect(await message(serviceaccounts, ask({ ...ref, uid: 'old' }))).toContain('does not match the UID in record');
  });

  it('gives it tokens only for whom the pod’s volumes name', async () => {
    const projected = { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] };
    const volumes = [
      { name: 'token', projected },
      { name: 'inline', csi: { driver: 'a.example.com' } },
      { name: 'claimed', persistentVolumeClaim: { claimName: 'data' } },
    ];
    read.put(pods, pod({ nodeName: 'n1', volumes }, { uid: 'u1' }));
    for (const [name, audience] of [
      ['a.example.com', 'of-a'],
      ['b.example.com', 'of-b'],
      ['c.example.com', 'of-c'],
    ])
      read.put(csidrivers, { metadata: { name }, spec: { tokenRequests: [{ audience }] } });
    read.put(persistentvolumeclaims, { metadata: { name: 'data', namespace: 'err' }, spec: { volumeName: 'pv' } });
    const csi = { driver: 'b.example.com', volumeHandle: 'x' };
    read.put(persistentvolumes, { metadata: { name: 'pv' }, spec: { csi } });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' };
    const ask = (...audiences: string[]) => ({
      object: { metadata: { name: 'default' }, spec: { boundObjectRef, audiences } },
      subresource: 'token',
      user: n1,
    });
    for (const audience of ['vault', 'of-a', 'of-b']) await run(serviceaccounts, ask(audience));
    expect(await message(serviceaccounts, ask('of-c'))).toBe(
      'serviceaccounts "default" is forbidden: audience "of-c" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
    );
    expect(await message(serviceaccounts, ask())).toContain('audience "" not found in pod spec volume');
    expect(await message(serviceaccounts, ask('vault', 'of-a'))).toContain('node may only request 0 or 1 audiences');
  });

  it('gives it its own lease only', async () => {
    const lease = (name: string) => ({ metadata: { name, namespace: 'kube-node-lease' } });
    read.put(namespaces, { metadata: { name: 'kube-node-lease' } });
    await run(leases, { namespace: 'kube-node-lease', object: lease('n1'), user: n1 });
    expect(await message(leases, { namespace: 'kube-node-lease', object: lease('n2'), user: n1 })).toContain(
      'with the same name',
    );
  });
});

describe('certificate requests', () => {
  const signerName = 'kubernetes.io/kube-apiserver-client';
  const csr = (spec: object, status: object = {}) => ({
    metadata: { name: 'r' },
    spec: { signerName, ...spec },
    status,
  });
  const requestFor = async (commonName: string, ...organizations: string[]) =>
    Buffer.from(await createCertificateRequest(generateKeyPem(), { commonName, organizations })).toString('base64');

  it('belong to who sends them, whatever they say', async () => {
    const request = await requestFor('jane');
    const forged = csr({ request, username: 'admin', groups: ['system:masters'] }, { certificate: 'x' });
    const stored = await run<CertificateSigningRequest>(certificatesigningrequests, { object: forged });
    expect(stored.spec).toMatchObject({ username: 'jane', groups: ['system:authenticated'] });
    expect(stored.status).toEqual({});
    const changed = csr({ username: 'admin', request: 'other' });
    const later = await run<CertificateSigningRequest>(certificatesigningrequests, {
      verb: 'update',
      object: changed,
      old: stored,
    });
    expect(later.spec).toEqual(stored.spec);
  });

  it('cannot make masters, nor other nodes', async () => {
    const request = await requestFor('jane', 'system:masters');
    expect(await message(certificatesigningrequests, { object: csr({ request }) })).toContain(
      'with system:masters group is not allowed',
    );
    const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet';
    const other = await requestFor('system:node:n2', 'system:nodes');
    expect(
      await message(certificatesigningrequests, { object: csr({ request: other, signerName: kubelet }), user: n1 }),
    ).toContain('can only create a node CSR with CN=system:node:n1');
  });

  it('are approved and signed only by those who may', async () => {
    const conditions = [{ type: 'Approved', status: 'True' }];
    const approve = { verb: 'update' as const, subresource: 'approval', old: csr({}), object: csr({}, { conditions }) };
    expect(await message(certificatesigningrequests, approve)).toBe(
      'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
    );
    const sign = {
      verb: 'update' as const,
      subresource: 'status',
      old: csr({}),
      object: csr({}, { certificate: 'eA==' }),
    };
    expect(await message(certificatesigningrequests, sign)).toContain('user not permitted to sign requests');
    const group = 'rbac.authorization.k8s.io';
    const rules = [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['signers'],
        resourceNames: ['kubernetes.io/*'],
        verbs: ['approve'],
      },
    ];
    authorizer.observe(`clusterroles.${group}`, 'ADDED', { metadata: { name: 'a' }, rules } as never);
    const subjects = [{ kind: 'User', name: 'jane' }];
    const binding = { metadata: { name: 'b' }, roleRef: { kind: 'ClusterRole', name: 'a' }, subjects };
    authorizer.observe(`clusterrolebindings.${group}`, 'ADDED', binding as never);
    const approved = await run<CertificateSigningRequest>(certificatesigningrequests, approve);
    expect(approved.status.conditions?.[0]).toMatchObject({
      lastUpdateTime: '2026-01-01T00:00:00Z',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
  });

  it('cannot be approved through their status', async () => {
    const object = csr({}, { conditions: [{ type: 'Approved', status: 'True' }] });
    const stored = await run<CertificateSigningRequest>(certificatesigningrequests, {
      verb: 'update',
      subresource: 'status',
      old: csr({}),
      object,
    });
    expect(stored.status.conditions).toBeUndefined();
  });
});

interface PluginFacts {
  admissionPlugins: { name: string; defaultOn: boolean; featureGate?: string }[];
  featureGates: { name: string; default: boolean }[];
}

describe('the plugins', () => {
  const facts = join(import.meta.dirname, '../../../facts/rbac-bootstrap.json');
  const policy = JSON.parse(readFileSync(facts, 'utf8')) as PluginFacts;

  it('stand in the order of Kubernetes, and lack few of its default ones', () => {
    const names = admissionPlugins.map(({ name }) => name);
    const places = names.map((name) => policy.admissionPlugins.findIndex((one) => one.name === name));
    const known = places.filter((place) => place >= 0);
    expect(known).toEqual([...known].sort((a, b) => a - b));
    const gates = new Map(policy.featureGates.map(({ name, default: isOn }) => [name, isOn]));
    const isOn = ({ featureGate }: { featureGate?: string }) => !featureGate || gates.get(featureGate) !== false;
    const missing = policy.admissionPlugins.filter((one) => one.defaultOn && isOn(one) && !names.includes(one.name));
    expect(missing.map(({ name }) => name)).toEqual([
      // In `extension-plugins.ts`.
      'MutatingAdmissionPolicy',
      'MutatingAdmissionWebhook',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionWebhook',
      // In `../quota-book.ts`.
      'ResourceQuota',
    ]);
  });
});

describe('a pod that gets its node', () => {
  it('carries the labels of its zone and region, and no others', async () => {
    const zone = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' };
    read.put(nodes, { metadata: { name: 'n1', labels: { ...zone, other: 'x' } } });
    const bound = (nodeName?: string) => ({
      metadata: { name: 'p', namespace: 'err', labels: { a: 'b', 'topology.kubernetes.io/zone': 'own' } },
      spec: { nodeName, containers: [] },
    });
    const write = { verb: 'update' as const, subresource: 'binding', object: bound('n1'), old: bound() };
    expect((await run<Pod>(pods, write)).metadata.labels).toEqual({ a: 'b', ...zone });
    const later = { verb: 'update' as const, object: bound('n1'), old: bound('n1') };
    expect((await run<Pod>(pods, later)).metadata.labels).toEqual(bound().metadata.labels);
  });
});

describe('a bundle of trust', () => {
  const bundles = {
    group: 'certificates.k8s.io',
    version: 'v1beta1',
    resource: 'clustertrustbundles',
    kind: 'ClusterTrustBundle',
    namespaced: false,
  };
  const bundle = (spec: object) => ({ metadata: { name: 'b' }, spec: { trustBundle: '', ...spec } });

  it('of a signer comes from those who may vouch for it', async () => {
    expect(await message(bundles as Resource, { object: bundle({ signerName: 'x.io/y' }) })).toBe(
      'clustertrustbundles.certificates.k8s.io "b" is forbidden: user not permitted to attest for signerName "x.io/y"',
    );
    await run(bundles as Resource, { object: bundle({}) });
  });
});

describe('RBAC', () => {
  it('refuses roles beyond the writer', async () => {
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
    const object = { metadata: { namespace: 'err', name: 'r' }, rules };
    expect(await message(roles, { object })).toContain('is attempting to grant RBAC permissions not currently held');
    await run(roles, { object, user: { name: 'root', groups: ['system:masters'] } });
  });
});

describe('ResourceClaimStatusAuthorization', () => {
  const group = 'rbac.authorization.k8s.io';
  const may = (...rules: [resource: string, verb: string, name?: string][]) => {
    const granted = rules.map(
      ([resource, verb, name]): PolicyRule => ({
        apiGroups: ['resource.k8s.io'],
        resources: [`resourceclaims/${resource}`],
        verbs: [verb],
        ...(name && { resourceNames: [name] }),
      }),
    );
    authorizer.observe(`clusterroles.${group}`, 'ADDED', { metadata: { name: 'a' }, rules: granted } as never);
    const subjects = [
      { kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'driver', namespace: 'err' },
    ];
    const binding = { metadata: { name: 'b' }, roleRef: { kind: 'ClusterRole', name: 'a' }, subjects };
    authorizer.observe(`clusterrolebindings.${group}`, 'ADDED', binding as never);
  };
  const allocation = (node: string, device = 'd0') => ({
    devices: { results: [{ request: 'r', driver: 'gpu.example', pool: 'p', device }] },
    nodeSelector: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [node] }] }],
    },
  });
  const said = (driver: string, device = 'd0') => ({ driver, pool: 'p', device });
  const driverOn = (node: string): UserInfo => ({
    name: 'system:serviceaccount:err:driver',
    groups: [],
    extra: { 'authentication.kubernetes.io/node-name': [node] },
  });
  const write = (old: ResourceClaimStatus, status: ResourceClaimStatus, more: Write = {}) => {
    const claim = (of: ResourceClaimStatus) => ({ metadata: { name: 'c', namespace: 'err' }, spec: {}, status: of });
    return { verb: 'update' as const, subresource: 'status', old: claim(old), object: claim(status), ...more };
  };
  const isAllowed = (one: Write) =>
    run(resourceclaims, one).then(
      () => true,
      () => false,
    );

  it('lets only those give devices out who may bind claims', async () => {
    const given = { allocation: allocation('n1') };
    const { status } = await refusal(resourceclaims, write({}, given));
    expect([status.code, status.message]).toEqual([
      422,
      'ResourceClaim.resource.k8s.io "c" is invalid: status: Forbidden: changing status.allocation or status.reservedFor ' +
        'requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: ' +
        'User "jane" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
    ]);
    may(['binding', 'update']);
    const reserved = { ...given, reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] };
    expect(await Promise.all([write({}, given), write(given, reserved), write(given, {})].map(isAllowed))).toEqual([
      true,
      true,
      true,
    ]);
    expect(await isAllowed(write(given, reserved, { requestVerb: 'patch' }))).toBe(false);
    expect(await isAllowed(write(reserved, { ...reserved }, { requestVerb: 'patch' }))).toBe(true);
  });

  it('lets a driver speak of its own devices, for claims of its own node', async () => {
    const given = { allocation: allocation('n1') };
    const tells = (driver: string, user?: UserInfo) =>
      write(given, { ...given, devices: [said(driver)] }, user && { user });
    expect(await message(resourceclaims, tells('gpu.example', driverOn('n1')))).toBe(
      'ResourceClaim.resource.k8s.io "c" is invalid: status.devices: Forbidden: changing status.devices requires ' +
        'resource="resourceclaims/driver", verb="[associated-node:update arbitrary-node:update]" permission: ' +
        'resourceclaims.resource.k8s.io "gpu.example" is forbidden: User "system:serviceaccount:err:driver" cannot ' +
        'associated-node:update resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "err"',
    );
    may(['driver', 'associated-node:update', 'gpu.example']);
    const asked = [
      tells('gpu.example', driverOn('n1')),
      tells('net.example', driverOn('n1')),
      tells('gpu.example', driverOn('n2')),
      tells('gpu.example'),
      write({ ...given, devices: [said('gpu.example')] }, given, { user: driverOn('n1') }),
    ];
    expect(await Promise.all(asked.map(isAllowed))).toEqual([true, false, false, false, true]);
    may(['driver', 'arbitrary-node:update', 'gpu.example']);
    expect(await Promise.all(asked.map(isAllowed))).toEqual([true, false, true, true, true]);
  });

  it('names every driver whose devices are spoken of without leave', async () => {
    may(['driver', 'arbitrary-node:patch', 'a.example']);
    const devices = [said('b.example'), said('a.example'), said('c.example', 'd1')];
    const { status } = await refusal(resourceclaims, write({}, { devices }, { requestVerb: 'patch' }));
    expect(
      status.details?.causes?.map(({ field, message: text }) => [field, /"(.)\.example" is/.exec(text ?? '')?.[1]]),
    ).toEqual([
      ['status.devices', 'b'],
      ['status.devices', 'c'],
    ]);
  });

  it('needs no word of the driver when its devices are given back', async () => {
    may(['binding', 'update']);
    const used = { allocation: allocation('n1'), devices: [said('gpu.example')] };
    expect(await isAllowed(write(used, {}))).toBe(true);
    expect(await isAllowed(write(used, { allocation: used.allocation }))).toBe(false);
    expect(await isAllowed(write({ ...used, devices: [...used.devices, said('net.example', 'd1')] }, {}))).toBe(false);
  });
});
