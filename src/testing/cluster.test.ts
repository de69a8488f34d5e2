import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, type ClusterOptions, type KubeObject, resources, startCluster } from './testing.ts';

const { deployments, endpointslices, events, jobs, nodes, pods, replicasets, secrets } = resources;

const clusters: Cluster[] = [];
async function start(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({ clock: 'virtual', ...options });
  clusters.push(cluster);
  return cluster;
}
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
});

const web = (replicas = 3, more = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
${more}
    spec:
      containers: [{name: main, image: 'web:1', ports: [{name: http, containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;
const behaving = (name: string) => `      annotations: {knarr.dev/behaviour: ${name}}`;

describe('a cluster in a test', () => {
  it('runs a deployment to ready endpoints, and collects everything again', async () => {
    const cluster = await start({ nodes: 2 });
    await cluster.apply(web());
    await cluster.settle();
    const { items } = await cluster.client.list(pods);
    expect(items.map(({ status }) => status?.phase)).toEqual(['Running', 'Running', 'Running']);
    expect(new Set(items.map(({ spec }) => spec.nodeName))).toEqual(new Set(['node-1', 'node-2']));
    expect(new Set(items.map(({ status }) => status?.podIP)).size).toBe(3);
    const [slice] = (await cluster.client.list(endpointslices)).items.filter((s) => s.metadata.name.startsWith('web-'));
    expect(slice?.endpoints?.map(({ addresses }) => addresses[0]).sort()).toEqual(
      items.map(({ status }) => status?.podIP).sort(),
    );
    await cluster.client.delete(deployments, { namespace: 'default', name: 'web' });
    await cluster.settle();
    expect((await cluster.client.list(replicasets)).items).toEqual([]);
    expect((await cluster.client.list(pods)).items).toEqual([]);
  });

  it('waits by moving a virtual clock, no further than it has to', async () => {
    const cluster = await start();
    const before = cluster.now.getTime();
    await cluster.apply(web(1, behaving('slow-ready')));
    const ready = await cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 1);
    expect(ready.status?.availableReplicas).toBe(1);
    const took = cluster.now.getTime() - before;
    expect(took).toBeGreaterThanOrEqual(20_000);
    expect(took).toBeLessThanOrEqual(41_000);
  });

  it('explains a wait that was in vain', async () => {
    const cluster = await start();
    await cluster.apply(web(1, behaving('image-pull-failure')));
    const wait = cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 1, {
      timeout: '2m',
      what: 'web to be ready',
    });
    const { message } = await wait.then(
      () => expect.unreachable(),
      (error: Error) => error,
    );
    expect(message).toMatch(/^waited 2m for web to be ready\n/);
    expect(message).toContain('deployments.apps default/web is:');
    expect(message).toContain('unavailableReplicas: 1');
    expect(message).toMatch(
      /web-\w+-\w+ on node-1: Pending, main is waiting: ImagePullBackOff: Back-off pulling image/,
    );
    expect(message).toMatch(/ago {2}Warning {2}Failed {2}Pod\/web-\w+-\w+: Error: ErrImagePull/);
  });

  it('says so when there is nothing of what is waited for', async () => {
    const cluster = await start({ nodes: 0 });
    await expect(cluster.waitFor(jobs, 'batch/none', () => true, { timeout: '5s' })).rejects.toThrow(
      'waited 5s for jobs.batch batch/none to be as wanted\n\nthere is no such object of jobs.batch\n\nno events',
    );
  });

  it('hands on what goes wrong in the condition itself', async () => {
    const cluster = await start();
    const wait = cluster.waitFor(nodes, 'node-1', ({ metadata }) => JSON.parse(metadata.name) as boolean);
    await expect(wait).rejects.toThrow(SyntaxError);
  });

  it('gives the same trace for the same seed, another for another', async () => {
    const trace = async (seed: number): Promise<string[]> => {
      const cluster = await start({ nodes: 3, seed });
      await cluster.apply(web(5, behaving('crash-loop')));
      await cluster.advance('5m');
      const { items } = await cluster.client.list(events);
      return items.map((e) => `${e.lastTimestamp} ${e.involvedObject.name} ${e.reason} ${e.count} ${e.metadata.uid}`);
    };
    const first = await trace(7);
    expect(first.length).toBeGreaterThan(30);
    expect(await trace(7)).toEqual(first);
    expect(await trace(8)).not.toEqual(first);
    // Three clusters, five minutes each: long on a machine with much else to do.
  }, 60_000);

  it('keeps clusters in one process apart', async () => {
    const [a, b] = await Promise.all([start({ nodes: 1 }), start({ nodes: 2 })]);
    await a.apply(web(2));
    await Promise.all([a.settle(), b.settle()]);
    expect((await a.client.list(pods)).items).toHaveLength(2);
    expect((await b.client.list(pods)).items).toHaveLength(0);
    expect((await b.client.list(nodes)).items).toHaveLength(2);
  });

  it('comes back to a snapshot and to its start, and informers follow', async () => {
    const cluster = await start({ nodes: 2 });
    const informer = await cluster.informer(pods);
    await cluster.apply(web(2));
    await cluster.settle();
    const snapshot = cluster.snapshot();
    const uids = () =>
      informer
        .list()
        .map(({ metadata }) => metadata.uid)
        .sort();
    const before = uids();
    await cluster.client.delete(deployments, { namespace: 'default', name: 'web' });
    await cluster.settle();
    expect(informer.list()).toEqual([]);

    await cluster.reset(snapshot);
    await cluster.settle();
    expect(uids()).toEqual(before);
    expect(cluster.now.getTime() - snapshot.nowMs).toBeLessThan(60_000);
    // What came back is alive: a rollout goes on from there.
    await cluster.apply(web(4));
    await cluster.settle();
    expect(informer.list().filter(({ status }) => status?.phase === 'Running')).toHaveLength(4);

    await cluster.reset();
    await cluster.settle();
    expect(informer.list()).toEqual([]);
    expect((await cluster.client.list(deployments)).items).toEqual([]);
    expect((await cluster.client.list(nodes)).items).toHaveLength(2);
  });

  it('moves the pods of a node that is lost', async () => {
    const cluster = await start({ nodes: 2 });
    await cluster.apply(web(2));
    await cluster.settle();
    cluster.nodes.stop('node-1');
    await cluster.advance('1m');
    const ready = (await cluster.client.get(nodes, { name: 'node-1' })).status?.conditions?.find(
      ({ type }) => type === 'Ready',
    );
    expect(ready).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' });
    await cluster.advance('6m');
    const alive = (await cluster.client.list(pods)).items.filter(({ metadata }) => !metadata.deletionTimestamp);
    expect(alive.map(({ spec }) => spec.nodeName)).toEqual(['node-2', 'node-2']);

    await cluster.nodes.start('node-1');
    await cluster.settle();
    const { items } = await cluster.client.list(pods);
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(
      alive.map(({ metadata }) => metadata.name).sort(),
    );
  });

  it('survives restarts of every part', async () => {
    const cluster = await start({ nodes: 2 });
    const informer = await cluster.informer(pods);
    await cluster.apply(web(2));
    for (const part of ['scheduler', 'controllers', 'apiserver'] as const) await cluster.restart(part);
    await cluster.settle();
    expect(informer.list().filter(({ status }) => status?.phase === 'Running')).toHaveLength(2);
    await cluster.apply(web(5));
    await cluster.settle();
    expect(informer.list().filter(({ status }) => status?.phase === 'Running')).toHaveLength(5);
  });

  it('asks RBAC for everybody but the administrator', async () => {
    const cluster = await start();
    const operator = cluster.clientFor({ serviceAccount: 'default/operator' });
    await expect(operator.list(secrets)).rejects.toMatchObject({ reason: 'Forbidden' });
    await cluster.apply([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'reader' },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'reader' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
        subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace: 'default' }],
      },
    ]);
    expect((await operator.list(secrets)).items).toEqual([]);
  });

  it('serves custom resources', async () => {
    const cluster = await start({ nodes: 0 });
    const properties = {
      spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer', minimum: 1 } } },
    };
    const schema = { openAPIV3Schema: { type: 'object', properties } };
    await cluster.apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'boats.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'boats', kind: 'Boat' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    await cluster.settle();
    const boats = { group: 'example.com', version: 'v1', resource: 'boats', kind: 'Boat', namespaced: true };
    const boat = (size: number) => ({
      apiVersion: 'example.com/v1',
      kind: 'Boat',
      metadata: { name: 'b' },
      spec: { size },
    });
    await expect(cluster.apply(boat(0))).rejects.toMatchObject({ reason: 'Invalid' });
    await cluster.apply(boat(3));
    const stored = await cluster.waitFor<KubeObject & { spec?: { size: number } }>(
      boats,
      'b',
      ({ spec }) => spec?.size === 3,
    );
    expect(stored.spec).toEqual({ size: 3 });
    const snapshot = cluster.snapshot();
    await cluster.client.delete(resources.customresourcedefinitions, { name: 'boats.example.com' });
    await cluster.settle();
    await expect(cluster.client.list(boats)).rejects.toMatchObject({ reason: 'NotFound' });
    await cluster.reset(snapshot);
    expect((await cluster.client.list(boats)).items).toHaveLength(1);
  });

  it('refuses what JSON would change', async () => {
    const cluster = await start({ nodes: 0 });
    const data = { at: new Date(0) as unknown as string };
    const metadata = { name: 'x', namespace: 'default' };
    await expect(cluster.client.create(resources.configmaps, { metadata, data })).rejects.toThrow(
      'cannot be sent as JSON: .data.at',
    );
  });
});

describe('with the clock of the machine', () => {
  it('lets time pass, and moves it ahead when asked', async () => {
    const cluster = await start({ clock: 'real' });
    await cluster.apply(web(1));
    await cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 1);
    const before = cluster.now.getTime();
    await cluster.advance('1h');
    const passed = cluster.now.getTime() - before;
    expect(passed).toBeGreaterThanOrEqual(3_600_000);
    expect(passed).toBeLessThan(3_660_000);
    const node = await cluster.client.get(nodes, { name: 'node-1' });
    expect(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    await cluster.apply(web(2));
    await cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 2);
  });
});
