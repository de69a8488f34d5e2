/** The processes of the bench: the shipped server, the bare one beside it, the clients. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { clusterrolebindings, clusterroles, serviceaccounts } from '../../src/api/generated/resources.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { machineRng } from '../../src/base/rng.ts';
import { adminClient } from '../../src/cluster/admin-client.ts';
import { findCluster } from '../../src/cluster/cluster-identity.ts';
import type { ClusterLayout } from '../../src/cluster/layout.ts';
import { stopService } from '../../src/cluster/supervisor.ts';
import { timeToReady } from '../ready.ts';
import type { Target } from './connection.ts';
import type { Measured, Order } from './load.ts';

const root = join(import.meta.dirname, '../..');
const home = '/var/lib/knarr';
export const cluster = 'apibench';
const compiled = (name: string): string => join(root, `.cache/bench/apiserver/${name}.mjs`);

/** Compiled first: a loader in the processes would be measured too. */
export async function compilePrograms(): Promise<void> {
  for (const name of ['load', 'bare'])
    await build({
      entryPoints: [join(import.meta.dirname, `${name}.ts`)],
      outfile: compiled(name),
      bundle: true,
      external: ['lmdb'],
      format: 'esm',
      platform: 'node',
      target: 'node20',
    });
}

/** Runs the program itself; anything but success ends the bench. */
export async function knarr(...args: string[]): Promise<void> {
  await promisify(execFile)(join(root, 'knarr'), [...args, '--cluster', cluster]);
}

/** Gives an order to a process of clients. */
export async function load(order: Order): Promise<Measured> {
  const run = await promisify(execFile)(process.execPath, [compiled('load'), JSON.stringify(order)]);
  return JSON.parse(run.stdout) as Measured;
}

export interface Bare {
  target: Target;
  pid: string;
  /** What `/list` sends. */
  setList(bytes: Buffer): void;
  /** What it tells watches. */
  setEvent(bytes: Buffer): void;
  stop(): void;
}

export async function startBare(layout: ClusterLayout, ca: string): Promise<Bare> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-bare-'));
  const copy = (from: string, to: string) =>
    writeFileSync(join(folder, to), readFileSync(join(layout.pkiDir, from)), { mode: 0o600 });
  copy('apiserver.crt', 'cert.pem');
  copy('apiserver.key', 'key.pem');
  const child = spawn(process.execPath, [compiled('bare'), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(Number(text)));
    child.once('exit', (code) => reject(new Error(`the bare server ended: ${code}`)));
  });
  return {
    target: { port, ca, token: 'none' },
    pid: String(child.pid),
    setList: (bytes) => writeFileSync(join(folder, 'list'), bytes),
    setEvent: (bytes) => writeFileSync(join(folder, 'event'), bytes),
    stop() {
      child.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The server of a cluster that `up` made, and a client's way to it: a service account that RBAC lets write what it needs. */
export interface Shipped {
  layout: ClusterLayout;
  target: Target;
}

export async function startShipped(): Promise<Shipped> {
  await knarr('up');
  const layout = await findCluster(home, cluster);
  if (!layout) throw new Error('the cluster is not there');
  // What is measured is the server: its node is silent.
  await stopService(layout, 'node-node1', realClock);
  const ca = readFileSync(join(layout.pkiDir, 'ca.crt'), 'utf8');
  return { layout, target: { port: layout.apiPort, ca, token: await tokenOf(layout) } };
}

export async function tokenOf(layout: ClusterLayout): Promise<string> {
  const { client, close } = await adminClient(layout, { clock: realClock, rng: machineRng, log: silentLog });
  const rule = {
    verbs: ['*'],
    resources: ['configmaps', 'pods', 'leases', 'events'],
    apiGroups: ['', 'coordination.k8s.io'],
  };
  await client.create(serviceaccounts, { metadata: { name: 'bench', namespace: 'default' } });
  await client.create(clusterroles, { metadata: { name: 'bench' }, rules: [rule] });
  await client.create(clusterrolebindings, {
    metadata: { name: 'bench' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'bench' },
    subjects: [{ kind: 'ServiceAccount', name: 'bench', namespace: 'default' }],
  });
  const key = { namespace: 'default', name: 'bench' };
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } };
  const given = await client.createSubresource(serviceaccounts, key, 'token', asked);
  close();
  return (given as unknown as { status: { token: string } }).status.token;
}

export const serverPid = ({ runDir }: ClusterLayout): string =>
  readFileSync(join(runDir, 'server.pid'), 'utf8').trim().split(/\s/)[0] as string;

/** Resident and highest resident memory of a process since `resetPeak`, in MB; processor time in ms. */
export function usage(pid: string): { resident: number; peak: number; cpuMs: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return {
    resident: megabytes('VmRSS'),
    peak: megabytes('VmHWM'),
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
  };
}

export const resetPeak = (pid: string): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** How long the server takes to be ready. The cluster's own runs again afterwards, without its node. */
export async function measureReady({ layout }: Shipped): Promise<number> {
  try {
    return await timeToReady(layout);
  } finally {
    await knarr('up');
    await stopService(layout, 'node-node1', realClock);
  }
}

/** How late trivial requests are answered, one each 10 ms: what the event loop keeps them waiting. Stops when told. */
export function probeDelay({ port, ca }: Target): () => Promise<number[]> {
  const waits: number[] = [];
  let running = true;
  const done = (async () => {
    const { Agent } = await import('node:https');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      const began = performance.now();
      await new Promise<void>((resolve, reject) => {
        const asked = get({ host: '127.0.0.1', port, path: '/livez', ca, agent }, (answer) => {
          answer.resume();
          answer.on('end', resolve);
        });
        asked.on('error', reject);
      });
      waits.push(performance.now() - began);
      await sleep(realClock, 10);
    }
    agent.destroy();
  })();
  return async () => {
    running = false;
    await done;
    return waits;
  };
}
