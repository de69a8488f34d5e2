/** One run of one case of `bench/testing.ts`, in its own process; prints its figures as a JSON list. */
import { performance } from 'node:perf_hooks';
import type { Cluster } from '../src/testing/testing.ts';

// The library as it is shipped: built, not the sources. Seen from .cache/bench, where this file is compiled to.
const library = '../../dist/testing.js';
const { resources, startCluster } = (await import(library)) as typeof import('../src/testing/testing.ts');
const { configmaps, deployments, nodes, pods } = resources;

const megabytes = () => process.memoryUsage().rss / 2 ** 20;
const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;

const deployment = (name: string, replicas: number, annotations: Record<string, string> = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, annotations },
      spec: {
        containers: [{ name: 'main', image: 'app:1', resources: { requests: { cpu: '100m', memory: '100Mi' } } }],
      },
    },
  },
});

async function start(): Promise<number[]> {
  const figures: number[][] = [];
  // The first one warms up.
  for (let i = 0; i < 6; i++) {
    const [began, cpu] = [performance.now(), cpuMs()];
    const cluster = await startCluster();
    await cluster.client.list(configmaps);
    const answered = performance.now();
    await cluster.apply(deployment('web', 3));
    await cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 3);
    figures.push([answered - began, performance.now() - began, cpuMs() - cpu]);
    await cluster.stop();
  }
  const column = (i: number) => figures.slice(1).map((figure) => figure[i] as number);
  return [0, 1, 2].map((i) => column(i).toSorted((a, b) => a - b)[2] as number);
}

async function many(): Promise<number[]> {
  const clusters: Cluster[] = [];
  for (let i = 0; i < 20; i++) {
    const cluster = await startCluster();
    await cluster.apply(deployment('web', 3));
    await cluster.waitFor(deployments, 'web', ({ status }) => status?.readyReplicas === 3);
    clusters.push(cluster);
  }
  const figures = [megabytes()];
  for (const cluster of clusters) await cluster.stop();
  return figures;
}

/** Each hour one of 40 Deployments rolls, one is scaled, a Job of 20 pods runs, and a node fails for ten minutes. */
async function day(): Promise<number[]> {
  const cluster = await startCluster({ clock: 'virtual', nodes: 100 });
  for (let i = 0; i < 40; i++) await cluster.apply(deployment(`web-${i}`, 50));
  await cluster.settle();
  const [began, cpu] = [performance.now(), cpuMs()];
  for (let step = 0; step < 24; step++) {
    const spec = { template: { metadata: { annotations: { rolled: String(step) } } } };
    const patch = (name: string, body: object) =>
      cluster.client.patch(deployments, { namespace: 'default', name }, { type: 'merge', body });
    await patch(`web-${step % 40}`, { spec });
    await patch(`web-${(step + 20) % 40}`, { spec: { replicas: step % 2 ? 50 : 40 } });
    await cluster.apply(job(`job-${step}`));
    cluster.nodes.crash(`node-${step + 1}`);
    await cluster.advance('10m');
    await cluster.nodes.start(`node-${step + 1}`);
    await cluster.advance('50m');
  }
  const figures = [performance.now() - began, cpuMs() - cpu, megabytes()];
  const running = (await cluster.client.list(pods)).items.filter(({ status }) => status?.phase === 'Running');
  if (running.length < 1800) throw new Error(`only ${running.length} pods run at the end of the day`);
  await cluster.stop();
  return figures;
}

const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default' },
  spec: {
    completions: 20,
    parallelism: 20,
    ttlSecondsAfterFinished: 300,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'job:1' }] } },
  },
});

async function large(): Promise<number[]> {
  const cluster = await startCluster({ clock: 'virtual', nodes: 0 });
  const cpu = cpuMs();
  let began = performance.now();
  await cluster.nodes.add(5000);
  const isReady = (taints: unknown[] | undefined) => (taints ?? []).length === 0;
  await cluster.waitForAll(nodes, {}, (all) => all.length === 5000 && all.every(({ spec }) => isReady(spec?.taints)));
  const registered = performance.now() - began;
  await cluster.settle();
  began = performance.now();
  for (let i = 0; i < 50; i++) await cluster.apply(deployment(`web-${i}`, 1000));
  let bound = 0;
  const informer = await cluster.informer(pods);
  const count = ({ spec }: { spec: { nodeName?: string } }) => Boolean(spec.nodeName);
  informer.addHandler({
    added: (pod) => void (count(pod) && bound++),
    updated: (old, pod) => void (!count(old) && count(pod) && bound++),
  });
  while (bound < 50_000) await cluster.advance('10ms');
  const placed = performance.now() - began;
  const figures = [registered, placed, cpuMs() - cpu, megabytes()];
  await cluster.stop();
  return figures;
}

const cases: Record<string, () => Promise<number[]>> = { start, many, day, large };
const run = cases[process.argv[2] ?? ''];
if (!run) throw new Error(`which case? ${Object.keys(cases).join(', ')}`);
console.log(JSON.stringify(await run()));
