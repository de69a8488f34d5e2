/**
 * The first hour of a person with a cluster: `up`, start-up of the server, a pod's start beside the runtime's own cost, and
 * what an idle cluster takes. Drives the shipped program. Everything but
 * idleness is measured once in each round, so that what a machine does meanwhile touches all rows alike; as many clusters as
 * there are rounds are then idle side by side.
 * `npx tsx bench/first-hour.ts [--settle SECONDS] [--idle SECONDS] [--rounds N]` (root).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configmaps, pods } from '../src/api/generated/resources.ts';
import type { Pod } from '../src/api/generated/types.ts';
import { realClock, sleep } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { machineRng } from '../src/base/rng.ts';
import type { Client } from '../src/client/client.ts';
import { type AdminClient, adminClient } from '../src/cluster/admin-client.ts';
import { findCluster } from '../src/cluster/cluster-identity.ts';
import { type ClusterLayout, nodeDir } from '../src/cluster/layout.ts';
import { connectContainerd } from '../src/cri/containerd-client.ts';
import { containerdPaths } from '../src/cri/containerd-config.ts';
import type { Cri } from '../src/cri/cri.ts';
import { type Asked, askedFor, type RawPod, startRawPod, timed } from './raw-pods.ts';
import { option } from './option.ts';
import { timeToReady } from './ready.ts';
import { median, report, type Row } from './report.ts';

const root = join(import.meta.dirname, '..');
const home = '/var/lib/knarr';
const cluster = 'bench';
const rounds = option('rounds', 5);
const idleSeconds = option('idle', 300);
const settleSeconds = option('settle', 180);
const podsPerRound = 10;
const machine = { clock: realClock, rng: machineRng, log: silentLog };

/** Runs the program itself; anything but success ends the bench. */
function knarr(...args: string[]): Promise<void> {
  return knarrOf(cluster, ...args);
}

function knarrOf(name: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'knarr'), [...args, '--cluster', name], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`knarr ${args.join(' ')}: ${code}\n${output}`)),
    );
  });
}

async function layoutOf(name: string): Promise<ClusterLayout> {
  const layout = await findCluster(home, name);
  if (!layout) throw new Error(`cluster ${name} is not there`);
  return layout;
}

/** `up` from stopped to the demo answering by name from a pod. */
async function measureUp(): Promise<number> {
  await knarr('down');
  return await timed(() => knarr('up'));
}

/** The journal of a cluster that has been used: 1,000 objects more. */
async function fillJournal(layout: ClusterLayout): Promise<void> {
  const admin = await adminClient(layout, machine);
  for (let i = 0; i < 1000; i++)
    await admin.client.create(configmaps, {
      metadata: { name: `filler-${i}`, namespace: 'default' },
      data: { text: 'x'.repeat(1000) },
    });
  admin.close();
}

/** How long the server takes to be ready. The cluster is up again afterwards. */
async function measureReady(layout: ClusterLayout): Promise<number> {
  const took = await timeToReady(layout);
  await knarr('up');
  return took;
}

const manifest = (name: string) => ({
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: 'knarr.local/demo:1' }],
  },
});

/** Resolves when the pod is as wanted (undefined: gone), seen by a watch as any client sees it. */
function podIs(client: Client, name: string, wanted: (pod: Pod | undefined) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const handle = client.watch(
      pods,
      { namespace: 'default', fieldSelector: `metadata.name=${name}` },
      {
        events: (batch) => {
          for (const { type, object } of batch) {
            if (!wanted(type === 'DELETED' ? undefined : object)) continue;
            handle.stop();
            resolve();
            return;
          }
        },
        end: reject,
      },
    );
  });
}

const isRunning = (pod: Pod | undefined): boolean => pod?.status.phase === 'Running';
const isGone = (pod: Pod | undefined): boolean => pod === undefined;

async function rawPod(cri: Cri, asked: Asked, name: string): Promise<{ start: number; stop: number }> {
  let pod: RawPod | undefined;
  const start = await timed(async () => {
    pod = await startRawPod(cri, asked, name);
  });
  return { start, stop: await timed(async () => pod?.stop()) };
}

interface PodTimes {
  starts: number[];
  rawStarts: number[];
  stops: number[];
  rawStops: number[];
}

/** Pods through the API and the same calls to the runtime, in turn. */
async function measurePods(layout: ClusterLayout): Promise<PodTimes> {
  const { client, close }: AdminClient = await adminClient(layout, machine);
  const cri = connectContainerd(containerdPaths(`${nodeDir(layout, 'node1')}/containerd`).socket, machine);
  await Promise.all([podIs(client, 'model', isRunning), client.create(pods, manifest('model'))]);
  const asked = await askedFor(cri, 'model');
  const times: PodTimes = { starts: [], rawStarts: [], stops: [], rawStops: [] };
  for (let i = 0; i < podsPerRound; i++) {
    const name = `pod-${i}`;
    const raw = await rawPod(cri, asked, `raw-${i}`);
    times.rawStarts.push(raw.start);
    times.rawStops.push(raw.stop);
    const running = podIs(client, name, isRunning);
    times.starts.push(await timed(() => Promise.all([client.create(pods, manifest(name)), running])));
    const gone = podIs(client, name, isGone);
    times.stops.push(await timed(() => Promise.all([client.delete(pods, { namespace: 'default', name }), gone])));
  }
  await Promise.all([podIs(client, 'model', isGone), client.delete(pods, { namespace: 'default', name: 'model' })]);
  cri.close();
  close();
  return times;
}

interface Usage {
  residentMb: number;
  cpuMs: number;
}

/** Programs of ours: server, agent, their supervisors, containerd. Shims and pause containers belong to the pods. */
function usage(layout: ClusterLayout): Usage {
  const files = ['server', 'server.supervisor', 'node-node1', 'node-node1.supervisor'].map((name) =>
    join(layout.runDir, `${name}.pid`),
  );
  files.push(containerdPaths(`${nodeDir(layout, 'node1')}/containerd`).pidFile);
  const total = { residentMb: 0, cpuMs: 0 };
  for (const file of files) {
    const pid = readFileSync(file, 'utf8').trim().split(/\s/)[0] as string;
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    total.residentMb += Number(resident) / 1024;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    total.cpuMs += (Number(stat[11]) + Number(stat[12])) * 10;
  }
  return total;
}

interface Idle {
  residentMb: number;
  growthMb: number;
  corePercent: number;
}

/** One value for each of `rounds` clusters that are idle at the same time. */
async function measureIdle(): Promise<Idle[]> {
  const names = Array.from({ length: rounds }, (_, i) => `${cluster}-${i + 1}`);
  try {
    for (const name of names) await knarrOf(name, 'up');
    const layouts = await Promise.all(names.map(layoutOf));
    // Until then programs still compile what they run and find the size of their heaps.
    await sleep(realClock, settleSeconds * 1000);
    const before = layouts.map(usage);
    await sleep(realClock, idleSeconds * 1000);
    const after = layouts.map(usage);
    return after.map(({ residentMb, cpuMs }, i) => ({
      residentMb,
      growthMb: residentMb - (before[i]?.residentMb ?? 0),
      corePercent: ((cpuMs - (before[i]?.cpuMs ?? 0)) / (idleSeconds * 1000)) * 100,
    }));
  } finally {
    for (const name of names) await knarrOf(name, 'down', '--purge');
  }
}

interface Round {
  up: number;
  ready: number;
  pods: PodTimes;
}

/** One value a round for every row; of the pods of a round, their median. */
function rowsOf(all: Round[], idle: Idle[]): Row[] {
  const medians = (key: keyof PodTimes): number[] => all.map(({ pods }) => median(pods[key]));
  const ratios = (key: keyof PodTimes, floor: keyof PodTimes): number[] =>
    all.map(({ pods }) => median(pods[key]) / median(pods[floor]));
  return [
    { what: '`knarr up`, stopped → demo answers by name', values: all.map(({ up }) => up), unit: 'ms', bar: 6000 },
    { what: '`knarr server` → /readyz, 1,000 objects', values: all.map(({ ready }) => ready), unit: 'ms', bar: 600 },
    { what: 'pod created → Running', values: medians('starts'), unit: 'ms' },
    { what: 'the same calls to the runtime alone', values: medians('rawStarts'), unit: 'ms' },
    { what: 'start: ratio of a round', values: ratios('starts', 'rawStarts'), unit: '×', bar: 1.4 },
    { what: 'pod deleted (1 s grace, exits at once) → gone', values: medians('stops'), unit: 'ms' },
    { what: 'the same calls to the runtime alone', values: medians('rawStops'), unit: 'ms' },
    { what: 'stop: ratio of a round', values: ratios('stops', 'rawStops'), unit: '×', bar: 1.5 },
    {
      what: `resident, all our programs, after ${idleSeconds} s idle`,
      values: idle.map(({ residentMb }) => residentMb),
      unit: 'MB',
      bar: 240,
    },
    { what: 'growth meanwhile', values: idle.map(({ growthMb }) => growthMb), unit: 'MB', bar: 2 },
    { what: 'of one core meanwhile', values: idle.map(({ corePercent }) => corePercent), unit: '%', bar: 1 },
  ];
}

await knarr('up');
try {
  const layout = await layoutOf(cluster);
  await fillJournal(layout);
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const up = await measureUp();
    const pods = await measurePods(layout);
    all.push({ up, pods, ready: await measureReady(layout) });
  }
  await knarr('down');
  const rows = rowsOf(all, await measureIdle());
  report('first-hour', `npx tsx bench/first-hour.ts ${process.argv.slice(2).join(' ')}`.trim(), rows);
} finally {
  await knarr('down', '--purge');
}
