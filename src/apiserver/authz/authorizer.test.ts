import { describe, expect, it } from 'vitest';
import { bootstrapPolicy } from '../../api/generated/rbac.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { Attributes } from './attributes.ts';
import { atOnce } from './at-once.fake.ts';
import { Authorizer } from './authorizer.ts';
import { checkEscalation } from './escalation.ts';
import { forbidden } from './forbidden.ts';
import { review } from './reviews.ts';

const group = 'rbac.authorization.k8s.io';
const jane: UserInfo = { name: 'jane', groups: ['system:authenticated'] };
const object = (value: unknown) => value as KubeObject;

function authorizer(...objects: [string, unknown][]): Authorizer {
  const result = new Authorizer(() => undefined);
  for (const [resource, value] of objects) {
    const full = resource.includes('role') ? `${resource}.${group}` : resource;
    result.observe(full, 'ADDED', object(value));
  }
  return result;
}

/** An authorizer, and pods that come and change. */
function withPods(...objects: [string, unknown][]) {
  const pods = new Map<string, Pod>();
  const looked: string[] = [];
  const a = new Authorizer((key) => {
    looked.push(key);
    return pods.get(key);
  });
  for (const [resource, value] of objects) a.observe(resource, 'ADDED', object(value));
  const keyed = (pod: Pod) => ({
    key: `${pod.metadata.namespace}/${pod.metadata.name}`,
    node: pod.spec.nodeName ?? '',
  });
  const put = (pod: Pod) => {
    pods.set(keyed(pod).key, pod);
    a.observePod('MODIFIED', keyed(pod));
  };
  const remove = (pod: Pod) => {
    pods.delete(keyed(pod).key);
    a.observePod('DELETED', { key: keyed(pod).key, node: '' });
  };
  return { a, looked, put, remove };
}

const role = (namespace: string, name: string, rules: object[]): [string, object] => [
  'roles',
  { metadata: { namespace, name }, rules },
];
const clusterRole = (name: string, rules: object[]): [string, object] => [
  'clusterroles',
  { metadata: { name }, rules },
];
const bind = (namespace: string, roleRef: object, subject: object): [string, object] => [
  'rolebindings',
  { metadata: { namespace, name: 'b' }, roleRef, subjects: [subject] },
];
const bindAll = (name: string, subject: object): [string, object] => [
  'clusterrolebindings',
  { metadata: { name: `${name}-binding` }, roleRef: { kind: 'ClusterRole', name }, subjects: [subject] },
];
const user = (name: string) => ({ kind: 'User', name });
const get = (resource: string, more: object = {}): Attributes => ({ verb: 'get', group: '', resource, ...more });
const podReader = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };

describe('RBAC', () => {
  it('allows what a role of the namespace says, and says why', () => {
    const a = authorizer(
      role('err', 'reader', [podReader]),
      bind('err', { kind: 'Role', name: 'reader' }, user('jane')),
    );
    expect(a.authorize(jane, get('pods', { namespace: 'err' }))).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/err" of Role "reader" to User "jane"',
    });
    expect(atOnce(a.authorize(jane, get('pods', { namespace: 'other' }))).allowed).toBe(false);
    expect(atOnce(a.authorize(jane, get('pods'))).allowed).toBe(false);
    expect(atOnce(a.authorize(jane, get('pods', { namespace: 'err', subresource: 'log' }))).allowed).toBe(false);
    expect(atOnce(a.authorize({ name: 'joe', groups: [] }, get('pods', { namespace: 'err' }))).allowed).toBe(false);
  });

  it('knows groups, service accounts, names, wildcards, subresources and paths', () => {
    const a = authorizer(
      clusterRole('logs', [{ apiGroups: ['*'], resources: ['*/log'], verbs: ['*'] }]),
      bindAll('logs', { kind: 'Group', name: 'ops' }),
      clusterRole('one', [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['a'], verbs: ['get'] }]),
      bind('ns', { kind: 'ClusterRole', name: 'one' }, { kind: 'ServiceAccount', name: 'web' }),
      clusterRole('paths', [{ nonResourceURLs: ['/healthz', '/apis/*'], verbs: ['get'] }]),
      bindAll('paths', user('jane')),
    );
    const ops = { name: 'x', groups: ['ops'] };
    const web = { name: 'system:serviceaccount:ns:web', groups: [] };
    expect(atOnce(a.authorize(ops, get('pods', { namespace: 'n', subresource: 'log' }))).allowed).toBe(true);
    expect(atOnce(a.authorize(ops, get('pods', { namespace: 'n' }))).allowed).toBe(false);
    expect(a.authorize(web, get('configmaps', { namespace: 'ns', name: 'a' }))).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/ns" of ClusterRole "one" to ServiceAccount "web/ns"',
    });
    expect(atOnce(a.authorize(web, get('configmaps', { namespace: 'ns', name: 'b' }))).allowed).toBe(false);
    expect(atOnce(a.authorize(web, get('configmaps', { namespace: 'ns' }))).allowed).toBe(false);
    expect(atOnce(a.authorize(jane, { verb: 'get', path: '/apis/apps' })).allowed).toBe(true);
    expect(atOnce(a.authorize(jane, { verb: 'get', path: '/apis' })).allowed).toBe(false);
    expect(atOnce(a.authorize(jane, { verb: 'post', path: '/healthz' })).allowed).toBe(false);
  });

  it('follows changed and deleted bindings and roles', () => {
    const a = authorizer();
    const [, binding] = bind('err', { kind: 'Role', name: 'reader' }, user('jane'));
    a.observe(`rolebindings.${group}`, 'ADDED', object(binding));
    const attributes = get('pods', { namespace: 'err' });
    expect(atOnce(a.authorize(jane, attributes)).reason).toBe(`RBAC: role.${group} "reader" not found`);
    a.observe(`roles.${group}`, 'ADDED', object(role('err', 'reader', [podReader])[1]));
    expect(atOnce(a.authorize(jane, attributes)).allowed).toBe(true);
    a.observe(`rolebindings.${group}`, 'MODIFIED', object({ ...binding, subjects: [user('joe')] }));
    expect(atOnce(a.authorize(jane, attributes)).allowed).toBe(false);
    expect(atOnce(a.authorize({ name: 'joe', groups: [] }, attributes)).allowed).toBe(true);
    a.observe(`rolebindings.${group}`, 'DELETED', object(binding));
    expect(atOnce(a.authorize({ name: 'joe', groups: [] }, attributes)).allowed).toBe(false);
  });

  it('lets system:masters do anything', () => {
    expect(atOnce(authorizer().authorize({ name: 'x', groups: ['system:masters'] }, get('secrets'))).allowed).toBe(
      true,
    );
  });
});

describe('the words of a refusal', () => {
  it('are the recorded ones', () => {
    const error = forbidden(jane, {
      verb: 'get',
      group: '',
      resource: 'pods',
      subresource: 'log',
      namespace: 'err',
      name: 'x',
    });
    expect(error.status).toMatchObject({
      message:
        'pods "x" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "err"',
      reason: 'Forbidden',
      details: { name: 'x', kind: 'pods' },
      code: 403,
    });
    const listing = forbidden(jane, { verb: 'list', group: 'apps', resource: 'deployments' });
    expect(listing.status.message).toBe(
      'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
    );
    expect(listing.status.details).toEqual({ group: 'apps', kind: 'deployments' });
    const path = forbidden(jane, { verb: 'get', path: '/metrics' });
    expect(path.status.message).toBe('forbidden: User "jane" cannot get path "/metrics"');
    expect(path.status.details).toEqual({});
  });
});

describe('escalation', () => {
  const a = authorizer(
    clusterRole('cluster-admin', bootstrapPolicy.clusterRoles.find((r) => r.name === 'cluster-admin')?.rules ?? []),
  );
  const write = (resource: string, value: object, writer = jane) => ({
    user: writer,
    resource,
    namespace: 'err',
    object: object({ metadata: { name: 'esc', namespace: 'err' }, ...value }),
    old: undefined,
  });

  it('refuses roles and bindings beyond the own rights, as recorded', () => {
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }];
    expect(() => checkEscalation(a, write('roles', { rules }))).toThrow(
      `roles.rbac.authorization.k8s.io "esc" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}`,
    );
    const roleRef = { kind: 'ClusterRole', name: 'cluster-admin' };
    expect(() => checkEscalation(a, write('rolebindings', { roleRef }))).toThrow(
      `rolebindings.rbac.authorization.k8s.io "esc" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}`,
    );
    expect(() => checkEscalation(a, write('rolebindings', { roleRef: { kind: 'Role', name: 'no' } }))).toThrow(
      '"no" not found',
    );
    expect(checkEscalation(a, write('roles', { rules }, { name: 'root', groups: ['system:masters'] }))).toBeUndefined();
  });

  it('allows what is held, and the verbs escalate and bind', () => {
    const b = authorizer(
      role('err', 'mine', [
        podReader,
        { apiGroups: [group], resources: ['clusterroles'], resourceNames: ['view'], verbs: ['bind'] },
      ]),
      bind('err', { kind: 'Role', name: 'mine' }, user('jane')),
      clusterRole('view', [{ apiGroups: ['*'], resources: ['*'], verbs: ['get'] }]),
    );
    expect(checkEscalation(b, write('roles', { rules: [{ ...podReader, verbs: ['list'] }] }))).toBeUndefined();
    expect(
      checkEscalation(b, write('rolebindings', { roleRef: { kind: 'ClusterRole', name: 'view' } })),
    ).toBeUndefined();
    expect(() => checkEscalation(b, write('roles', { rules: [{ ...podReader, verbs: ['watch'] }] }))).toThrow(
      'Verbs:["watch"]',
    );
  });
});

describe('nodes', () => {
  const n1: UserInfo = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
  const pod = (name: string, nodeName: string) =>
    ({
      metadata: { namespace: 'apps', name, uid: name },
      spec: {
        nodeName,
        serviceAccountName: 'web',
        containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'env' } }] }],
        volumes: [
          { name: 'v', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
          { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
        ],
      },
    }) as unknown as Pod;
  const { a, put } = withPods([
    'persistentvolumes',
    {
      metadata: { name: 'pv' },
      spec: {
        claimRef: { namespace: 'apps', name: 'data' },
        csi: { nodeStageSecretRef: { name: 'stage', namespace: 'kube-system' } },
      },
    },
  ]);
  put(pod('p1', 'n1'));
  const can = (attributes: object) => atOnce(a.authorize(n1, { verb: 'get', group: '', ...attributes } as Attributes));

  it('read only what their pods name', () => {
    expect(can({ resource: 'secrets', namespace: 'apps', name: 'env' }).allowed).toBe(true);
    expect(can({ resource: 'configmaps', namespace: 'apps', name: 'kube-root-ca.crt', verb: 'watch' }).allowed).toBe(
      true,
    );
    expect(can({ resource: 'persistentvolumeclaims', namespace: 'apps', name: 'data' }).allowed).toBe(true);
    expect(can({ resource: 'persistentvolumes', name: 'pv' }).allowed).toBe(true);
    expect(can({ resource: 'secrets', namespace: 'kube-system', name: 'stage' }).allowed).toBe(true);
    expect(
      can({ resource: 'serviceaccounts', subresource: 'token', verb: 'create', namespace: 'apps', name: 'web' })
        .allowed,
    ).toBe(true);
    const other = can({ resource: 'secrets', namespace: 'apps', name: 'other' });
    expect(other).toEqual({ allowed: false, reason: "no relationship found between node 'n1' and this object" });
    expect(can({ resource: 'secrets', namespace: 'apps', verb: 'list' }).allowed).toBe(false);
    expect(
      can({ resource: 'serviceaccounts', subresource: 'token', verb: 'create', namespace: 'apps', name: 'x' }).allowed,
    ).toBe(false);
  });

  it('see their own pods, node and lease', () => {
    expect(can({ resource: 'pods', verb: 'watch', fieldSelector: 'spec.nodeName=n1' }).allowed).toBe(true);
    expect(can({ resource: 'pods', verb: 'watch', fieldSelector: 'spec.nodeName=n2' }).allowed).toBe(false);
    expect(can({ resource: 'pods', verb: 'list' }).allowed).toBe(false);
    expect(can({ resource: 'nodes', name: 'n1' }).allowed).toBe(true);
    expect(can({ resource: 'nodes', name: 'n2' }).allowed).toBe(false);
    expect(can({ resource: 'nodes', verb: 'delete', name: 'n1' }).allowed).toBe(false);
    const lease = { group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', verb: 'update' };
    expect(can({ ...lease, name: 'n1' }).allowed).toBe(true);
    expect(can({ ...lease, name: 'n2' }).allowed).toBe(false);
    expect(can({ resource: 'services', verb: 'list' }).allowed).toBe(true);
    expect(can({ resource: 'services', verb: 'create', namespace: 'apps' }).allowed).toBe(false);
  });

  const secret = get('secrets', { namespace: 'apps', name: 'env' });

  it('lose what the last pod named when it goes, or is bound elsewhere', () => {
    const { a: b, put: has, remove } = withPods();
    has(pod('p1', 'n1'));
    has(pod('p2', 'n1'));
    remove(pod('p1', 'n1'));
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(true);
    remove(pod('p2', 'n1'));
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(false);
    has(pod('p2', 'n1'));
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(true);
    has(pod('p2', 'n2'));
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(false);
    expect(atOnce(b.authorize(n1, get('pods', { namespace: 'apps', name: 'p2' }))).allowed).toBe(false);
  });

  it('see what a pod names since it changed', () => {
    const { a: b, put: has } = withPods();
    const bare = pod('p1', 'n1');
    has({ ...bare, spec: { ...bare.spec, containers: [] } });
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(false);
    has(bare);
    expect(atOnce(b.authorize(n1, secret)).allowed).toBe(true);
  });

  it('have no pods looked at but their own, and each once', () => {
    const { a: b, looked, put: has } = withPods();
    has(pod('p1', 'n1'));
    has(pod('p2', 'n2'));
    expect(looked).toEqual([]);
    for (let i = 0; i < 3; i++) atOnce(b.authorize(n1, secret));
    expect(looked).toEqual(['apps/p1']);
  });
});

describe('reviews', () => {
  const a = authorizer(role('err', 'reader', [podReader]), bind('err', { kind: 'Role', name: 'reader' }, user('jane')));
  const deps = { authorizer: a, authentication: { authenticateToken: async () => undefined } };
  const ask = (kind: string, spec: object, namespace = '') => review(deps, { kind, spec }, { user: jane, namespace });
  const pods = { verb: 'get', resource: 'pods', namespace: 'err' };

  it('answer for oneself and for others', async () => {
    expect(await ask('SelfSubjectAccessReview', { resourceAttributes: pods })).toMatchObject({
      status: { allowed: true },
    });
    expect(await ask('SubjectAccessReview', { user: 'joe', resourceAttributes: pods })).toMatchObject({
      status: { allowed: false },
    });
    expect(await ask('SelfSubjectReview', {})).toMatchObject({ status: { userInfo: { username: 'jane' } } });
    expect(await ask('SelfSubjectRulesReview', { namespace: 'err' })).toMatchObject({
      status: { resourceRules: [podReader], nonResourceRules: [], incomplete: false },
    });
    expect(await ask('TokenReview', { token: 'x' })).toMatchObject({
      status: { user: {}, error: 'invalid bearer token' },
    });
  });

  it('refuse bad questions', async () => {
    const message = (kind: string, spec: object, namespace = '') =>
      ask(kind, spec, namespace).catch((e: Error) => e.message);
    expect(await message('SubjectAccessReview', {})).toBe(
      '.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]',
    );
    expect(
      await message('SubjectAccessReview', {
        user: 'x',
        resourceAttributes: pods,
        nonResourceAttributes: { path: '/', verb: 'get' },
      }),
    ).toBe(
      '.authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: cannot be specified in combination with resourceAttributes',
    );
    expect(
      await message(
        'LocalSubjectAccessReview',
        { user: 'jane', resourceAttributes: { ...pods, namespace: 'o' } },
        'sub',
      ),
    ).toBe(
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "o": must match metadata.namespace',
    );
    expect(await message('SelfSubjectRulesReview', {})).toBe('no namespace on request');
    expect(await message('TokenReview', {})).toBe('token is required for TokenReview in authentication');
  });
});
