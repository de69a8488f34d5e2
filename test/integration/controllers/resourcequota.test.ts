import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configmaps,
  pods,
  replicasets,
  replicationcontrollers,
  resourcequotas,
  secrets,
  services,
} from '../../../src/api/generated/resources.ts';
import type { Pod } from '../../../src/api/generated/types.ts';
import type { KubeObject, Resource } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['resourcequota.usage', 'replicationcontroller.replicas', 'serviceaccount.default'],
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = (name: string) => ({ namespace: 'default', name });
async function limit(hard: Record<string, string>, spec: object = {}, name = 'quota'): Promise<void> {
  await plane.admin.create(resourcequotas, { metadata: key(name), spec: { hard, ...spec } } as never);
  await plane.settle();
}
const used = async (name = 'quota') => (await plane.get(resourcequotas, name)).status?.used;
const pod = (name: string, requests: Record<string, string> = {}, spec: object = {}) =>
  plane.admin.create(pods, {
    metadata: key(name),
    spec: { containers: [{ name: 'main', image: 'i', resources: { requests } }], ...spec },
  } as never) as Promise<Pod>;
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it was allowed',
    (error: Error) => error.message,
  );

describe('ResourceQuota', () => {
  // ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.
  // ResourceQuota should create a ResourceQuota and capture the life of a pod.
  it('counts a pod from its creation to its end and refuses what is too much', async () => {
    await limit({ pods: '2', 'requests.cpu': '1', 'count/pods': '5' });
    expect(await used()).toEqual({ pods: '0', 'requests.cpu': '0', 'count/pods': '0' });
    await pod('a', { cpu: '600m' });
    expect(await used()).toEqual({ pods: '1', 'requests.cpu': '600m', 'count/pods': '1' });
    expect(await refusal(pod('b', { cpu: '500m' }))).toBe(
      'pods "b" is forbidden: exceeded quota: quota, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
    );
    expect(await refusal(pod('b'))).toBe(
      'pods "b" is forbidden: failed quota: quota: must specify requests.cpu for: main',
    );
    await pod('b', { cpu: '400m' });
    expect(await refusal(pod('c', { cpu: '0' }))).toContain('requested: pods=1, used: pods=2, limited: pods=2');
    await plane.setPodStatus(await plane.get(pods, 'a'), { phase: 'Succeeded' });
    expect(await used()).toEqual({ pods: '1', 'requests.cpu': '400m', 'count/pods': '2' });
    for (const name of ['a', 'b']) await plane.admin.delete(pods, key(name), { gracePeriodSeconds: 0 });
    expect(await used()).toEqual({ pods: '0', 'requests.cpu': '0', 'count/pods': '0' });
    expect(await plane.writesOfRestart([resourcequotas])).toEqual([]);
  });

  // ResourceQuota should create a ResourceQuota and capture the life of a configMap. / secret. / service. / replica set.
  // / replication controller.
  it('counts objects of every kind', async () => {
    const names = [
      'configmaps',
      'secrets',
      'services',
      'services.nodeports',
      'replicationcontrollers',
      'count/replicasets.apps',
    ];
    const before = (await plane.list(configmaps)).length;
    await limit(Object.fromEntries(names.map((name) => [name, '10'])));
    const set = { replicas: 0, template: template('x') };
    const made: [Resource, object][] = [
      [configmaps, {}],
      [secrets, {}],
      [services, { spec: { type: 'NodePort', ports: [{ port: 80 }], selector: { a: 'b' } } }],
      [replicationcontrollers, { spec: { ...set, selector: { app: 'x' } } }],
      [replicasets, { spec: { ...set, selector: { matchLabels: { app: 'x' } } } }],
    ];
    for (const [resource, body] of made)
      await plane.admin.create(resource, { metadata: key('x'), ...body } as KubeObject);
    expect(await used()).toMatchObject(
      Object.fromEntries(names.map((n) => [n, n === 'configmaps' ? `${before + 1}` : n === 'services' ? '2' : '1'])),
    );
    for (const [resource] of made) await plane.admin.delete(resource, key('x'));
    await plane.settle();
    expect(await used()).toMatchObject({
      secrets: '0',
      services: '1',
      'services.nodeports': '0',
      'count/replicasets.apps': '0',
    });
  });

  // ResourceQuota should verify ResourceQuota with best effort scope.
  // ResourceQuota should verify ResourceQuota with terminating scopes.
  it('counts only what is in scope', async () => {
    await limit({ pods: '5' }, { scopes: ['BestEffort'] }, 'best-effort');
    await limit({ pods: '5' }, { scopes: ['NotBestEffort'] }, 'not-best-effort');
    await limit({ pods: '5' }, { scopes: ['Terminating'] }, 'terminating');
    await pod('a');
    await pod('b', { cpu: '1' }, { activeDeadlineSeconds: 60 });
    const all = async () => [await used('best-effort'), await used('not-best-effort'), await used('terminating')];
    expect(await all()).toEqual([{ pods: '1' }, { pods: '1' }, { pods: '1' }]);
    await plane.admin.delete(pods, key('a'), { gracePeriodSeconds: 0 });
    expect(await all()).toEqual([{ pods: '0' }, { pods: '1' }, { pods: '1' }]);
  });

  // ResourceQuota should be able to update and delete ResourceQuota.
  // ResourceQuota should apply changes to a resourcequota status
  it('counts again when the limits change or somebody writes the status', async () => {
    await pod('a', { cpu: '1' });
    await limit({ pods: '1' });
    await plane.patch(resourcequotas, 'quota', { spec: { hard: { cpu: '2' } } });
    await plane.settle();
    expect((await plane.get(resourcequotas, 'quota')).status).toEqual({
      hard: { cpu: '2', pods: '1' },
      used: { cpu: '1', pods: '1' },
    });
    const body = { status: { hard: { cpu: '9', pods: '9' } } };
    await plane.admin.patch(resourcequotas, key('quota'), { type: 'merge', body }, { subresource: 'status' });
    await plane.settle();
    expect((await plane.get(resourcequotas, 'quota')).status?.hard).toEqual({ cpu: '2', pods: '1' });
    await plane.admin.delete(resourcequotas, key('quota'));
    await pod('b');
  });

  it('misses nothing that comes or goes while it counts', async () => {
    await Promise.all(Array.from({ length: 5 }, (_, i) => pod(`old${i}`)));
    const changes = Array.from({ length: 5 }, async (_, i) => {
      await pod(`p${i}`);
      await plane.admin.delete(pods, key(`old${i}`), { gracePeriodSeconds: 0 });
      await pod(`q${i}`);
    });
    await Promise.all([limit({ pods: '20', 'count/pods': '20' }), ...changes]);
    expect(await used()).toEqual({ pods: '10', 'count/pods': '10' });
  });

  it('never allows one too many, also when many are created at once', async () => {
    await limit({ pods: '5', 'count/pods': '5' });
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => pod(`p${i}`)));
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(5);
    expect(await plane.names(pods)).toHaveLength(5);
    expect(await used()).toEqual({ pods: '5', 'count/pods': '5' });
  });

  // ReplicationController should surface a failure condition on a common issue like exceeded quota
  it('shows as a condition of who cannot create its pods', async () => {
    await limit({ pods: '2' });
    const spec = { replicas: 3, selector: { app: 'x' }, template: template('x') };
    await plane.admin.create(replicationcontrollers, { metadata: key('rc'), spec } as never);
    await plane.settle();
    const conditions = async () => (await plane.get(replicationcontrollers, 'rc')).status?.conditions;
    expect(await conditions()).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }]);
    await plane.patch(replicationcontrollers, 'rc', { spec: { replicas: 2 } });
    await plane.settle(5000);
    expect(await conditions()).toBeUndefined();
    expect(plane.warnings.splice(0).every((line) => line.includes('exceeded quota'))).toBe(true);
  });
});
