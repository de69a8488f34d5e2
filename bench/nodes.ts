/**
 * Several nodes on one machine: from stopped to pods that answer across nodes, what one more node takes, and many pods at
 * once beside the same calls to the runtimes alone. Drives the shipped program; everything is measured once in each round.
 * `npx tsx bench/nodes.ts [--rounds N] [--pods N]` (root).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { daemonsets, pods } from '../src/api/generated/resources.ts';
import type { Pod } from '../src/api/generated/types.ts';
import { realClock, sleep } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { machineRng } from '../src/base/rng.ts';
import type { Client } from '../src/client/client.ts';
import { adminAccess, adminClient } from '../src/cluster/admin-client.ts';
import { findCluster } from '../src/cluster/cluster-identity.ts';
import type { ClusterLayout } from '../src/cluster/layout.ts';
import { findKubectl } from '../src/cluster/kubectl.ts';
import { runtimePaths } from '../src/cluster/local-nodes.ts';
import { connectContainerd } from '../src/cri/containerd-client.ts';
import type { Cri } from '../src/cri/cri.ts';
import { runCommand } from '../src/host/command.ts';
import { askedFor, type RawPod, startRawPod, timed } from './raw-pods.ts';
import { option } from './option.ts';
import { median, report, type Row } from './report.ts';

const root = join(import.meta.dirname, '..');
const cluster = 'bench-nodes';
const nodes = ['node1', 'node2', 'node3'];
const rounds = option('rounds', 5);
const podCount = option('pods', 100);
const machine = { clock: realClock, rng: machineRng, log: silentLog };
/** More at a time on one runtime only makes each one slower. */
const parallelPerNode = 4;

/** Runs a program; anything but success ends the bench. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${program} ${args.join(' ')}: ${code}\n${output}`)),
    );
  });
}

/** The program itself. */
function knarr(command: string, ...rest: string[]): Promise<string> {
  return run(join(root, 'knarr'), [...command.split(' '), '--cluster', cluster, ...rest]);
}

async function layoutOfCluster(): Promise<ClusterLayout> {
  const layout = await findCluster('/var/lib/knarr', cluster);
  if (!layout) throw new Error('the cluster is not there');
  return layout;
}

const up = () => knarr('up', '--nodes', String(nodes.length), '--no-demo', '--no-kubeconfig');

const labels = { app: 'everywhere' };
const web = { name: 'main', image: 'knarr.local/demo:1' };

/** Resolves when the pods with these labels are as wanted, seen by a watch as any client sees them. */
function podsAre(client: Client, wanted: (all: Pod[]) => boolean, labelSelector: string): Promise<Pod[]> {
  return new Promise((resolve, reject) => {
    const all = new Map<string, Pod>();
    const handle = client.watch(
      pods,
      { namespace: 'default', labelSelector },
      {
        events: (batch) => {
          for (const { type, object } of batch) {
            if (type === 'DELETED') all.delete(object.metadata.name);
            else all.set(object.metadata.name, object);
          }
          if (!wanted([...all.values()])) return;
          handle.stop();
          resolve([...all.values()]);
        },
        end: reject,
      },
    );
  });
}

const isRunning = ({ status, metadata }: Pod): boolean => status.phase === 'Running' && !metadata.deletionTimestamp;

/** From stopped to a pod on every node, each answering a pod of another node. */
async function measureUp(): Promise<number> {
  await knarr('down');
  return await timed(async () => {
    await up();
    const layout = await layoutOfCluster();
    const { client, close } = await adminClient(layout, machine);
    const isReady = (pod: Pod) =>
      isRunning(pod) && pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
    const all = await podsAre(client, (found) => found.filter(isReady).length === nodes.length, 'app=everywhere');
    close();
    await Promise.all(
      all.map(async ({ metadata }, i) => {
        const other = all[(i + 1) % all.length] as Pod;
        const url = `http://${other.status.podIP}:8080/`;
        const said = await knarr('kubectl', 'exec', metadata.name, '--', 'timeout', '5', 'wget', '-qO-', url);
        if (said.trim() !== other.metadata.name) throw new Error(`${url} said ${said}`);
      }),
    );
  });
}

/** Of an agent: what is resident, and that without what it shares with the others (each one's part of it counted). */
function agentMemory(layout: ClusterLayout, node: string): { resident: number; own: number } {
  const pid = readFileSync(join(layout.runDir, `node-${node}.pid`), 'utf8').split(/\s/)[0] as string;
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024;
  return { resident: of('Rss'), own: of('Pss') };
}

/** Processor time that our programs have taken so far, the server's and that of all agents, in ms. */
function processorMs(layout: ClusterLayout): { server: number; agents: number } {
  const of = (service: string) => {
    const pid = readFileSync(join(layout.runDir, `${service}.pid`), 'utf8').split(/\s/)[0] as string;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the 14th and 15th field, counted from the program's name on; in ticks of 10 ms.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) * 10;
  };
  return { server: of('server'), agents: nodes.reduce((sum, node) => sum + of(`node-${node}`), 0) };
}

/** What the agents have of their own, all together. */
const agentsOwn = (layout: ClusterLayout): number =>
  nodes.reduce((sum, node) => sum + agentMemory(layout, node).own, 0);

/** Many pods made at once, until all run, and what the agents take for each of them. They are gone when it resolves. */
async function measureBurst(client: Client, layout: ClusterLayout): Promise<Burst> {
  const before = agentsOwn(layout);
  const began = processorMs(layout);
  const template = (i: number) => ({
    metadata: { name: `burst-${i}`, namespace: 'default', labels: { app: 'burst' } },
    spec: { terminationGracePeriodSeconds: 1, containers: [web] },
  });
  const selector = 'app=burst';
  const took = await timed(() =>
    Promise.all([
      podsAre(client, (all) => all.filter(isRunning).length === podCount, selector),
      ...Array.from({ length: podCount }, (_, i) => client.create(pods, template(i))),
    ]),
  );
  const ended = processorMs(layout);
  // The haste is over, what was needed for it is given back.
  await sleep(realClock, 10_000);
  const perPod = (agentsOwn(layout) - before) / podCount;
  const gone = podsAre(client, (all) => all.length === 0, selector);
  const names = Array.from({ length: podCount }, (_, i) => `burst-${i}`);
  await Promise.all([gone, ...names.map((name) => client.delete(pods, { namespace: 'default', name }))]);
  const serverMs = (ended.server - began.server) / podCount;
  const agentsMs = (ended.agents - began.agents) / podCount;
  return { burst: took, perPod, serverMs, agentsMs };
}

/** Agents look this often for what nobody owns; what the raw pods have left must not be theirs to clear in the next figure. */
const clearedMs = 12_000;

/** As many, by the calls that an agent makes and nothing else, spread over the same runtimes. */
async function measureRawBurst(client: Client, layout: ClusterLayout): Promise<number> {
  const made: RawPod[] = [];
  const runtimes: Cri[] = [];
  const { items } = await client.list(pods, { namespace: 'default', labelSelector: 'app=everywhere' });
  const workers = await Promise.all(
    nodes.map(async (node) => {
      const cri = connectContainerd(runtimePaths(layout, node).socket, machine);
      runtimes.push(cri);
      const model = items.find(({ spec }) => spec?.nodeName === node)?.metadata.name ?? '';
      return { cri, asked: await askedFor(cri, model) };
    }),
  );
  let next = 0;
  const work = async ({ cri, asked }: (typeof workers)[number]) => {
    while (next < podCount) made.push(await startRawPod(cri, asked, `raw-${next++}`));
  };
  const all = workers.flatMap((worker) => Array.from({ length: parallelPerNode }, () => worker));
  const took = await timed(() => Promise.all(all.map(work)));
  const stop = async () => {
    for (let pod = made.pop(); pod; pod = made.pop()) await pod.stop();
  };
  await Promise.all(all.map(stop));
  for (const cri of runtimes) cri.close();
  await sleep(realClock, clearedMs);
  return took;
}

/** `true` in a container as kubectl has it done (KEP-4006), on a connection of its own, by a program that runs already. */
function execOver({ server, ca, credentials }: Access, pod: string): Promise<void> {
  const url = `${server}/api/v1/namespaces/default/pods/${pod}/exec?command=true&stdout=true&stderr=true`;
  const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca, ...credentials });
  return new Promise((resolve, reject) => {
    let status = '';
    socket.on('message', (data: Buffer) => (status += data[0] === 3 ? data.subarray(1).toString() : ''));
    socket.on('error', reject);
    socket.on('close', () =>
      JSON.parse(status || '{}').status === 'Success' ? resolve() : reject(new Error(`exec ended: ${status}`)),
    );
  });
}

/** A command in a container: by kubectl, by the API alone, by the runtime's own call; what kubectl takes for any question. */
async function measureExec(client: Client, layout: ClusterLayout): Promise<ExecTimes> {
  const { items } = await client.list(pods, { namespace: 'default', labelSelector: 'app=everywhere' });
  // Not the one on the node that has just been removed.
  const { metadata, spec, status } = items.find((pod) => nodes.includes(pod.spec.nodeName ?? '')) as Pod;
  const containerId = (status.containerStatuses?.[0]?.containerID ?? '').replace(/^.*\/\//, '');
  const cri = connectContainerd(runtimePaths(layout, spec.nodeName ?? '').socket, machine);
  const kubectl = await findKubectl(root, { run: runCommand });
  const config = ['--kubeconfig', layout.kubeconfig];
  const access = await adminAccess(layout);
  const took: Record<keyof ExecTimes, number[]> = { kubectlExec: [], kubectlGet: [], exec: [], rawExec: [] };
  for (let i = 0; i < 10; i++) {
    took.kubectlExec.push(await timed(() => run(kubectl, [...config, 'exec', metadata.name, '--', 'true'])));
    took.kubectlGet.push(await timed(() => run(kubectl, [...config, 'get', `pod/${metadata.name}`, '-o', 'name'])));
    took.exec.push(await timed(() => execOver(access, metadata.name)));
    took.rawExec.push(await timed(() => cri.runtime.ExecSync({ containerId, cmd: ['true'], timeout: 10 })));
  }
  cri.close();
  const { kubectlExec, kubectlGet, exec, rawExec } = took;
  return {
    ...{ kubectlExec: median(kubectlExec), kubectlGet: median(kubectlGet) },
    ...{ exec: median(exec), rawExec: median(rawExec) },
  };
}

type Access = Awaited<ReturnType<typeof adminAccess>>;

interface ExecTimes {
  kubectlExec: number;
  kubectlGet: number;
  exec: number;
  rawExec: number;
}

interface Burst {
  burst: number;
  perPod: number;
  /** Processor time for each pod. */
  serverMs: number;
  agentsMs: number;
}

interface Round extends ExecTimes, Burst {
  up: number;
  resident: number;
  own: number;
  raw: number;
}

const rowsOf = (all: Round[]): Row[] => [
  { what: 'up, 3 nodes, stopped → pods answer across nodes', values: all.map((r) => r.up), unit: 'ms', bar: 10_000 },
  { what: 'one more agent, no pods: resident', values: all.map((r) => r.resident), unit: 'MB' },
  { what: 'of it its own, and its part of what agents share', values: all.map((r) => r.own), unit: 'MB', bar: 90 },
  { what: `${podCount} pods at once → all Running`, values: all.map((r) => r.burst), unit: 'ms' },
  { what: 'the same calls to the runtimes alone', values: all.map((r) => r.raw), unit: 'ms' },
  {
    what: 'pods a second, of those of the runtimes alone',
    values: all.map((r) => r.raw / r.burst),
    unit: '×',
    bar: 0.8,
    atLeast: true,
  },
  { what: 'processor time of the server for each of those pods', values: all.map((r) => r.serverMs), unit: 'ms' },
  { what: 'the same of the agents', values: all.map((r) => r.agentsMs), unit: 'ms' },
  { what: 'of an agent, for each of those pods', values: all.map((r) => r.perPod), unit: 'MB', bar: 0.5 },
  { what: '`kubectl exec true`', values: all.map((r) => r.kubectlExec), unit: 'ms' },
  { what: '`kubectl get` of its pod: what kubectl takes for itself', values: all.map((r) => r.kubectlGet), unit: 'ms' },
  { what: 'exec by a program that runs', values: all.map((r) => r.exec), unit: 'ms' },
  { what: 'ExecSync of the runtime', values: all.map((r) => r.rawExec), unit: 'ms' },
  { what: 'exec by a program that runs: ratio', values: all.map((r) => r.exec / r.rawExec), unit: '×', bar: 1.5 },
  {
    what: '`kubectl exec true`: ratio',
    values: all.map((r) => r.kubectlExec / r.rawExec),
    unit: '×',
    bar: 1.5,
  },
];

/** The agent of a node that has just been added and has nothing to do. */
async function measureAgent(layout: ClusterLayout): Promise<{ resident: number; own: number }> {
  await knarr('node add', 'spare');
  await sleep(realClock, 20_000);
  const memory = agentMemory(layout, 'spare');
  await knarr('node remove', 'spare');
  return memory;
}

await up();
try {
  const layout = await layoutOfCluster();
  const first = await adminClient(layout, machine);
  await first.client.create(daemonsets, {
    metadata: { name: 'everywhere', namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [web] },
      },
    },
  });
  await podsAre(first.client, (all) => all.filter(isRunning).length === nodes.length, 'app=everywhere');
  first.close();
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const took = await measureUp();
    const memory = await measureAgent(layout);
    const { client, close } = await adminClient(layout, machine);
    const raw = await measureRawBurst(client, layout);
    const exec = await measureExec(client, layout);
    all.push({ up: took, ...memory, raw, ...exec, ...(await measureBurst(client, layout)) });
    close();
  }
  report('nodes', `npx tsx bench/nodes.ts ${process.argv.slice(2).join(' ')}`.trim(), rowsOf(all));
} finally {
  await knarr('down', '--purge');
}
