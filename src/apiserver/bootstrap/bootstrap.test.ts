import { beforeEach, describe, expect, it } from 'vitest';
import { clusterrolebindings, clusterroles, configmaps, namespaces } from '../../api/generated/resources.ts';
import type { ClusterRole } from '../../api/generated/types.ts';
import { atOnce } from '../authz/at-once.fake.ts';
import { Authorizer } from '../authz/authorizer.ts';
import { FakeObjectReader } from '../object-reader.fake.ts';
import { bootstrapObjects, bootstrapWrites } from './bootstrap.ts';
import type { ClusterFacts } from './cluster-objects.ts';
import { joinGroup } from './rbac-objects.ts';

const facts: ClusterFacts = {
  caPem: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  serverUrl: 'https://172.30.0.254:6443',
  endpointAddress: '172.30.0.254',
  endpointPort: 6443,
  serviceAddress: '10.96.0.1',
  serviceCidr: '10.96.0.0/16',
  podCidr: '10.244.0.0/16',
  dnsAddress: '10.96.0.10',
  clusterDomain: 'cluster.local',
};

let read: FakeObjectReader;
const writes = (change: Partial<ClusterFacts> = {}) => bootstrapWrites(bootstrapObjects({ ...facts, ...change }), read);
const names = () => writes().map((w) => `${w.verb} ${w.resource.resource} ${w.object.metadata.name}`);
const role = (name: string) => structuredClone(read.get(clusterroles, '', name)) as ClusterRole;

beforeEach(() => {
  read = new FakeObjectReader();
  for (const { resource, object } of writes()) read.put(resource, object);
});

describe('bootstrap', () => {
  it('makes everything once, then nothing', () => {
    expect(writes()).toEqual([]);
    expect(read.list(namespaces).map((n) => n.metadata.name)).toEqual([
      'kube-system',
      'kube-public',
      'kube-node-lease',
      'default',
    ]);
    expect(role('cluster-admin').metadata).toMatchObject({
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    });
  });

  it('fills aggregated roles: admin gathers edit, which gathers view', () => {
    const verbsOf = (name: string, resource: string) =>
      (role(name).rules ?? [])
        .filter((r) => r.apiGroups?.includes('') && r.resources?.includes(resource))
        .flatMap((r) => r.verbs);
    expect(verbsOf('view', 'pods')).toEqual(['get', 'list', 'watch']);
    expect(verbsOf('admin', 'pods')).toEqual(expect.arrayContaining(['get', 'list', 'watch', 'create', 'delete']));
    expect(verbsOf('view', 'secrets')).toEqual([]);
  });

  it('restores what is missing and keeps what users added', () => {
    const changed = role('system:kube-dns');
    const extra = { apiGroups: [''], resources: ['pods'], verbs: ['list'] };
    read.put(clusterroles, {
      ...changed,
      rules: [{ apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] }, extra],
    });
    expect(names()).toEqual(['update clusterroles system:kube-dns']);
    const rules = (writes()[0]?.object as ClusterRole | undefined)?.rules;
    expect(rules).toContainEqual(extra);
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['endpoints'], verbs: ['list', 'watch'] });
  });

  it('leaves roles alone whose autoupdate is off', () => {
    const changed = role('system:kube-dns');
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    read.put(clusterroles, { ...changed, metadata: { ...changed.metadata, annotations }, rules: [] });
    expect(names()).toEqual([]);
  });

  it('replaces a binding of another role and adds missing subjects', () => {
    const binding = structuredClone(read.get(clusterrolebindings, '', 'system:discovery'));
    read.put(clusterrolebindings, { ...binding, roleRef: { ...binding?.roleRef, name: 'cluster-admin' } });
    expect(names()).toEqual([
      'delete clusterrolebindings system:discovery',
      'create clusterrolebindings system:discovery',
    ]);
    const mine = { kind: 'User', name: 'jane' };
    read.put(clusterrolebindings, { ...binding, subjects: [mine] });
    expect(writes()[0]?.object).toMatchObject({ subjects: [mine, { kind: 'Group', name: 'system:authenticated' }] });
  });

  it('leaves the kubernetes endpoint to the servers that live', () => {
    expect(writes({ endpointAddress: '10.1.2.3' })).toEqual([]);
  });

  it('lets a joining node in, and nobody else', () => {
    const authorizer = new Authorizer(() => undefined);
    for (const { resource, object } of bootstrapObjects(facts)) {
      authorizer.observe(`${resource.resource}.${resource.group}`, 'ADDED', object);
    }
    const joiner = {
      name: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', joinGroup, 'system:authenticated'],
    };
    const csr = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' };
    expect(atOnce(authorizer.authorize(joiner, { ...csr, verb: 'create' })).allowed).toBe(true);
    expect(atOnce(authorizer.authorize(joiner, { ...csr, verb: 'create', subresource: 'nodeclient' })).allowed).toBe(
      true,
    );
    expect(
      atOnce(authorizer.authorize(joiner, { ...csr, verb: 'create', subresource: 'selfnodeclient' })).allowed,
    ).toBe(false);
    expect(atOnce(authorizer.authorize(joiner, { verb: 'list', group: '', resource: 'nodes' })).allowed).toBe(false);
    const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
    const info = { verb: 'get', group: '', resource: configmaps.resource, namespace: 'kube-public' };
    expect(atOnce(authorizer.authorize(anonymous, { ...info, name: 'cluster-info' })).allowed).toBe(true);
    expect(atOnce(authorizer.authorize(anonymous, { ...info, name: 'other' })).allowed).toBe(false);
    const node = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
    const slices = { verb: 'watch', group: 'discovery.k8s.io', resource: 'endpointslices' };
    expect(atOnce(authorizer.authorize(node, slices)).allowed).toBe(true);
  });

  it('lets nodes follow what network policies are about, and no more of it', () => {
    const authorizer = new Authorizer(() => undefined);
    for (const { resource, object } of bootstrapObjects(facts)) {
      authorizer.observe(`${resource.resource}.${resource.group}`, 'ADDED', object);
    }
    const node = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
    const may = (verb: string, resource: string, group = '') =>
      atOnce(authorizer.authorize(node, { verb, group, resource, namespace: 'default', name: '' })).allowed;
    for (const verb of ['list', 'watch']) {
      expect([may(verb, 'networkpolicies', 'networking.k8s.io'), may(verb, 'pods'), may(verb, 'namespaces')]).toEqual([
        true,
        true,
        true,
      ]);
      expect(may(verb, 'secrets')).toBe(false);
    }
    for (const verb of ['get', 'update', 'patch']) expect(may(verb, 'pods')).toBe(false);
    expect(may('create', 'networkpolicies', 'networking.k8s.io')).toBe(false);
  });
});
