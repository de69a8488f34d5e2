import { describe, expect, it } from 'vitest';
import { configmaps, namespaces, pods, serviceaccounts } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { podManifest, testCluster } from '../test-cluster.ts';

const name = { name: 'team' };
const make = (cluster: ReturnType<typeof testCluster>) => cluster.client.create(namespaces, { metadata: name });
const isGone = (cluster: ReturnType<typeof testCluster>) =>
  cluster.client.get(namespaces, name).then(() => false, isNotFound);

describe('namespace.deletion', () => {
  it('empties the namespace, then lets it go', async () => {
    const cluster = testCluster({ only: ['namespace.deletion'] });
    await make(cluster);
    for (const n of ['a', 'b']) await cluster.client.create(configmaps, { metadata: { name: n, namespace: 'team' } });
    await cluster.client.create(configmaps, { metadata: { name: 'other', namespace: 'default' } });
    await cluster.client.create(pods, podManifest('p', {}));
    await cluster.client.delete(namespaces, name);
    await cluster.settle(20_000);
    expect(await isGone(cluster)).toBe(true);
    expect((await cluster.client.list(configmaps)).items.map((o) => o.metadata.name)).toEqual(['other']);
    expect(await cluster.podNames()).toEqual(['p']);
    cluster.stop();
  });

  it('lets pods go first: all else stays until the last of them is gone', async () => {
    const cluster = testCluster({ only: ['namespace.deletion'] });
    await make(cluster);
    const metadata = { name: 'slow', namespace: 'team', finalizers: ['example.com/hold'] };
    await cluster.client.create(pods, { ...podManifest('slow', {}), metadata });
    const read = { namespace: 'team', name: 'read-by-pods' };
    await cluster.client.create(configmaps, { metadata: read });
    await cluster.client.delete(namespaces, name);
    await cluster.settle(20_000);
    expect(
      (await cluster.client.get(pods, { namespace: 'team', name: 'slow' })).metadata.deletionTimestamp,
    ).toBeTruthy();
    expect((await cluster.client.get(configmaps, read)).metadata.deletionTimestamp).toBeUndefined();
    const { status } = await cluster.client.get(namespaces, name);
    expect(status.conditions?.find(({ type }) => type === 'NamespaceContentRemaining')?.message).toBe(
      'Some resources are remaining: pods. has 1 resource instances',
    );
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(pods, { namespace: 'team', name: 'slow' }, { type: 'merge', body });
    await cluster.settle(20_000);
    expect(await isGone(cluster)).toBe(true);
    cluster.stop();
  });

  it('says what holds it, and goes on when that is gone', async () => {
    const cluster = testCluster({ only: ['namespace.deletion'] });
    await make(cluster);
    const metadata = { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] };
    await cluster.client.create(configmaps, { metadata });
    await cluster.client.delete(namespaces, name);
    await cluster.settle(20_000);
    const { status } = await cluster.client.get(namespaces, name);
    const told = Object.fromEntries(status.conditions?.map((c) => [c.type, c.message]) ?? []);
    expect(told).toMatchObject({
      NamespaceContentRemaining: 'Some resources are remaining: configmaps. has 1 resource instances',
      NamespaceFinalizersRemaining:
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    });
    const before = cluster.transport.writes.length;
    await cluster.settle(20_000);
    expect(cluster.transport.writes.length).toBe(before);
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(configmaps, { namespace: 'team', name: 'held' }, { type: 'merge', body });
    await cluster.settle(20_000);
    expect(await isGone(cluster)).toBe(true);
    cluster.stop();
  });
});

describe('what every namespace has', () => {
  it('gets its default service account and the root certificate, and both again when deleted', async () => {
    const only = ['serviceaccount.default', 'namespace.root-ca'];
    const cluster = testCluster({ only, rootCaPem: 'PEM' });
    await make(cluster);
    await cluster.settle();
    const account = { namespace: 'team', name: 'default' };
    const map = { namespace: 'team', name: 'kube-root-ca.crt' };
    expect((await cluster.client.get(configmaps, map)).data).toEqual({ 'ca.crt': 'PEM' });
    await cluster.client.delete(serviceaccounts, account);
    await cluster.client.patch(configmaps, map, { type: 'merge', body: { data: { 'ca.crt': 'forged', more: 'x' } } });
    await cluster.settle();
    expect((await cluster.client.get(serviceaccounts, account)).metadata.uid).toBeDefined();
    expect((await cluster.client.get(configmaps, map)).data).toEqual({ 'ca.crt': 'PEM' });
    expect(await cluster.writesOfRestart()).toEqual([]);
    cluster.stop();
  });
});
