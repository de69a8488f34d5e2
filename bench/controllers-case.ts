/** One run of one case of `bench/controllers.ts`, in its own process; prints its figures as a JSON list. */
import { performance } from 'node:perf_hooks';
import { sleep, realClock } from '../src/base/clock.ts';
import type { KubeObject, Resource } from '../src/api/resource.ts';
import { type Cluster, resources, startCluster } from '../src/testing/testing.ts';

const [name = '', share = '1'] = process.argv.slice(2);
const { configmaps, deployments, pods } = resources;
const timeout = '60m';
const replicas = 50;

const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
const shared = (count: number) => Math.max(1, Math.round(count * Number(share)));

const deployment = (i: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: `web-${i}`, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: `web-${i}` } },
    template: {
      metadata: { labels: { app: `web-${i}` } },
      spec: {
        containers: [{ name: 'main', image: 'app:1', resources: { requests: { cpu: '10m', memory: '10Mi' } } }],
      },
    },
  },
});

/** Every write is a version: how many there were so far. */
const version = async (cluster: Cluster) =>
  Number((await cluster.client.list(configmaps, { limit: 1 })).metadata.resourceVersion);

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await run(items[i] as T);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

/** Resolves when as many objects are as wanted; counted by what changes, as a list of all each time would be the most work. */
async function untilAll<T extends KubeObject>(
  cluster: Cluster,
  resource: Resource<T>,
  { count, isWanted }: { count: number; isWanted(object: T): boolean },
): Promise<void> {
  const informer = await cluster.informer(resource);
  const wanted = new Set<string>();
  const note = (object: T) => {
    if (isWanted(object)) wanted.add(object.metadata.uid as string);
    else wanted.delete(object.metadata.uid as string);
  };
  informer.addHandler({
    added: note,
    updated: (_old, object) => note(object),
    deleted: ({ metadata }) => void wanted.delete(metadata.uid as string),
  });
  await informer.waitUntil(() => wanted.size === count);
  informer.stop();
}

/** What a piece of work took: by the clock, of the processor, and in writes of everybody. */
async function measured(cluster: Cluster, work: () => Promise<void>): Promise<number[]> {
  const [began, cpu, before] = [performance.now(), cpuMs(), await version(cluster)];
  await work();
  return [performance.now() - began, cpuMs() - cpu, (await version(cluster)) - before];
}

async function withDeployments(count: number): Promise<Cluster> {
  // A node takes 110 pods; a quarter more are there while Deployments roll.
  const cluster = await startCluster({ nodes: Math.ceil((count * replicas * 1.4) / 110), timeout });
  const all = Array.from({ length: count }, (_, i) => deployment(i));
  await inParallel(all, (one) => cluster.apply(one));
  await untilAll(cluster, deployments, { count, isWanted: ({ status }) => status?.readyReplicas === replicas });
  return cluster;
}

async function rollout(): Promise<number[]> {
  const count = shared(2000);
  const cluster = await withDeployments(count);
  const body = { spec: { template: { metadata: { annotations: { rolled: 'yes' } } } } };
  const names = Array.from({ length: count }, (_, i) => ({ namespace: 'default', name: `web-${i}` }));
  const figures = await measured(cluster, async () => {
    await inParallel(names, (key) => cluster.client.patch(deployments, key, { type: 'strategic', body }));
    await untilAll(cluster, deployments, {
      count,
      isWanted: ({ metadata, status }) =>
        status?.observedGeneration === metadata.generation &&
        status?.updatedReplicas === replicas &&
        status.availableReplicas === replicas &&
        status.replicas === replicas,
    });
  });
  await cluster.stop();
  return [...figures.slice(0, 2), (figures[2] as number) / (count * replicas)];
}

async function garbage(propagationPolicy: 'Background' | 'Foreground'): Promise<number[]> {
  const cluster = await startCluster({ timeout });
  const { client } = cluster;
  const key = { namespace: 'default', name: 'owner' };
  const owner = await client.create(configmaps, { metadata: key });
  const ref = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: 'owner',
    uid: owner.metadata.uid as string,
    blockOwnerDeletion: true,
  };
  const names = Array.from({ length: shared(50_000) }, (_, i) => `dependent-${i}`);
  await inParallel(names, (dependent) =>
    client.create(configmaps, {
      metadata: { namespace: 'default', name: dependent, labels: { is: 'owned' }, ownerReferences: [ref] },
    }),
  );
  await cluster.settle();
  const figures = await measured(cluster, async () => {
    await client.delete(configmaps, key, { propagationPolicy });
    const left = await cluster.informer(configmaps, { namespace: 'default' });
    const isLeft = (name: string) => name === 'owner' || name.startsWith('dependent-');
    let count = 0;
    left.addHandler({
      added: ({ metadata }) => void (isLeft(metadata.name) && count++),
      deleted: ({ metadata }) => void (isLeft(metadata.name) && count--),
    });
    await left.waitUntil(() => count === 0);
  });
  await cluster.stop();
  return figures.slice(0, 2);
}

/**
 * Everything runs, and nobody wants anything: heartbeats are all there is. The engine takes minutes to clear away what the
 * beginning has left; that is waited for.
 */
async function idle(): Promise<number[]> {
  const cluster = await withDeployments(shared(600));
  await cluster.informer(pods);
  await sleep(realClock, 240_000);
  const seconds = 60;
  const [cpu, before] = [cpuMs(), await version(cluster)];
  await sleep(realClock, seconds * 1000);
  const figures = [(cpuMs() - cpu) / (seconds * 10), ((await version(cluster)) - before) / seconds];
  await cluster.stop();
  return figures;
}

const cases: Record<string, () => Promise<number[]>> = {
  rollout,
  background: () => garbage('Background'),
  foreground: () => garbage('Foreground'),
  idle,
};
const run = cases[name];
if (!run) throw new Error(`which case? ${Object.keys(cases).join(', ')}`);
process.stdout.write(JSON.stringify(await run()));
process.exit(0);
