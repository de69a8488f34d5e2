import { describe, expect, it } from 'vitest';
import { configmaps, nodes, secrets } from '../../api/generated/resources.ts';
import type { ConfigMap, OwnerReference } from '../../api/generated/types.ts';
import { testCluster } from '../test-cluster.ts';

type Cluster = ReturnType<typeof testCluster>;
const setUp = () => testCluster({ only: ['garbage.collection'] });
const key = (name: string) => ({ namespace: 'default', name });
const refTo = (o: ConfigMap, blockOwnerDeletion?: boolean): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: o.metadata.name,
  uid: o.metadata.uid ?? '',
  ...(blockOwnerDeletion ? { blockOwnerDeletion } : {}),
});
const make = (cluster: Cluster, name: string, owners: OwnerReference[] = [], finalizers: string[] = []) =>
  cluster.client.create(configmaps, { metadata: { ...key(name), ownerReferences: owners, finalizers } });
const names = async (cluster: Cluster) =>
  (await cluster.client.list(configmaps)).items.map((o) => o.metadata.name).sort();

describe('garbage.collection', () => {
  it('deletes what has lost its owner, level by level, and nothing else', async () => {
    const cluster = setUp();
    const top = await make(cluster, 'top');
    const middle = await make(cluster, 'middle', [refTo(top)]);
    await make(cluster, 'leaf', [refTo(middle)]);
    await make(cluster, 'free');
    await cluster.client.create(secrets, { metadata: { ...key('s'), ownerReferences: [refTo(top)] } });
    await cluster.settle();
    expect(await names(cluster)).toHaveLength(4);
    expect(await cluster.writesOfRestart()).toEqual([]);
    await cluster.client.delete(configmaps, key('top'), { propagationPolicy: 'Background' });
    await cluster.settle();
    expect(await names(cluster)).toEqual(['free']);
    expect((await cluster.client.list(secrets)).items).toEqual([]);
    cluster.stop();
  });

  it('deletes an object whose owner was gone before anybody looked, but not one whose owner is only new', async () => {
    const cluster = setUp();
    const ghost = { apiVersion: 'v1', kind: 'ConfigMap', name: 'ghost', uid: 'no-such-uid' };
    await make(cluster, 'haunted', [ghost]);
    await cluster.settle(2000);
    cluster.transport.silent.add('configmaps');
    const owner = await make(cluster, 'owner');
    await cluster.client.create(secrets, { metadata: { ...key('owned'), ownerReferences: [refTo(owner)] } });
    await cluster.settle(3000);
    expect(await names(cluster)).toEqual(['owner']);
    expect((await cluster.client.list(secrets)).items).toHaveLength(1);
    cluster.stop();
  });

  it('only forgets the owners that are gone while another is there', async () => {
    const cluster = setUp();
    const [a, b] = [await make(cluster, 'a'), await make(cluster, 'b')];
    await make(cluster, 'shared', [refTo(a), refTo(b)]);
    await cluster.client.delete(configmaps, key('a'));
    await cluster.settle();
    const shared = await cluster.client.get(configmaps, key('shared'));
    expect(shared.metadata.ownerReferences?.map((r) => r.name)).toEqual(['b']);
    cluster.stop();
  });

  it('foreground: the owner waits for the dependents that block it', async () => {
    const cluster = setUp();
    const top = await make(cluster, 'top');
    await make(cluster, 'blocking', [refTo(top, true)], ['example.com/hold']);
    await make(cluster, 'other', [refTo(top)]);
    await cluster.settle();
    await cluster.client.delete(configmaps, key('top'), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    expect(await names(cluster)).toEqual(['blocking', 'top']);
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(configmaps, key('blocking'), { type: 'merge', body });
    await cluster.settle();
    expect(await names(cluster)).toEqual([]);
    cluster.stop();
  });

  it('foreground: nobody waits for ever in a circle', async () => {
    const cluster = setUp();
    const a = await make(cluster, 'a');
    const b = await make(cluster, 'b', [refTo(a, true)]);
    const body = { metadata: { ownerReferences: [refTo(b, true)] } };
    await cluster.client.patch(configmaps, key('a'), { type: 'merge', body });
    await cluster.settle();
    expect(await names(cluster)).toEqual(['a', 'b']);
    await cluster.client.delete(configmaps, key('a'), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    expect(await names(cluster)).toEqual([]);
    cluster.stop();
  });

  it('orphan: dependents are cut loose and stay', async () => {
    const cluster = setUp();
    const top = await make(cluster, 'top');
    await make(cluster, 'kept', [refTo(top)]);
    await cluster.settle();
    await cluster.client.delete(configmaps, key('top'), { propagationPolicy: 'Orphan' });
    await cluster.settle();
    expect(await names(cluster)).toEqual(['kept']);
    expect((await cluster.client.get(configmaps, key('kept'))).metadata.ownerReferences ?? []).toEqual([]);
    cluster.stop();
  });

  it('follows owners without a namespace', async () => {
    const cluster = setUp();
    const node = await cluster.client.create(nodes, { metadata: { name: 'n' } });
    const ref = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: node.metadata.uid ?? '' };
    await make(cluster, 'of-node', [ref]);
    await cluster.settle();
    expect(await names(cluster)).toEqual(['of-node']);
    await cluster.client.delete(nodes, { name: 'n' });
    await cluster.settle();
    expect(await names(cluster)).toEqual([]);
    cluster.stop();
  });
});
