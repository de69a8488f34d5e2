import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus } from '../../src/cluster/status.ts';
import { containerdPaths } from '../../src/cri/containerd-config.ts';
import { findProcesses, readIdentity } from '../../src/host/recorded-process.ts';
import { leftovers, type Snapshot, takeSnapshot } from '../../scripts/clean-machine.ts';
import { findCluster } from '../../src/cluster/cluster-identity.ts';
import type { ClusterLayout } from '../../src/cluster/layout.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const home = process.env.KNARR_HOME ?? '/var/lib/knarr';

export interface CommandOutcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** What `up --output json` says. */
export interface UpOutcome {
  was: 'running' | 'stopped' | 'replaced';
  server: string;
  kubeconfig: string;
  context: string | null;
  nodes: { name: string; address: string }[];
  steps: { title: string; detail: string; ok: boolean }[];
}

export interface RealClusterOptions {
  /** The program; the checkout's `./knarr` unless told. */
  program?: string[];
  /** Runs the rest of its arguments somewhere: `nsenter …`. */
  enter?: string[];
  env?: Record<string, string>;
  /** The folder of all clusters; that of this machine unless told. */
  home?: string;
}

/** A cluster as a person has it: commands in, text out. Its kubeconfigs and caches are in a home of its own. */
export class RealCluster {
  readonly name: string;
  readonly dir: string;
  readonly userHome: string;
  readonly #options: RealClusterOptions;
  readonly #before: Snapshot | undefined;

  constructor(name: string, options: RealClusterOptions = {}, before?: Snapshot) {
    this.name = name;
    this.dir = join(options.home ?? home, name);
    this.userHome = mkdtempSync(join(tmpdir(), `knarr-${name}-`));
    this.#options = options;
    this.#before = before;
  }

  /** One that can tell what it leaves behind: looks at the machine before anything is there. */
  static async watched(name: string): Promise<RealCluster> {
    const before = await takeSnapshot();
    return new RealCluster(name, {}, before);
  }

  /** The user's kubeconfig: not that of whoever runs the tests. */
  get kubeconfig(): string {
    return join(this.userHome, '.kube/config');
  }

  /** Runs `knarr COMMAND --cluster NAME …`, whatever comes of it; a command may be two words. */
  run(command: string, ...args: string[]): Promise<CommandOutcome> {
    const { enter = [], program = [join(root, 'knarr')], env, home: ofClusters = home } = this.#options;
    const words = [...enter, ...program, ...command.split(' '), '--cluster', this.name, ...args];
    return runToEnd(words, { HOME: this.userHome, KUBECONFIG: '', KNARR_HOME: ofClusters, ...env });
  }

  /** Like `run`, but rejects unless the exit code is 0; resolves with standard output. */
  async ok(command: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`knarr ${command} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  async up(...flags: string[]): Promise<UpOutcome> {
    return JSON.parse(await this.ok('up', '--output', 'json', ...flags)) as UpOutcome;
  }

  async status(): Promise<ClusterStatus> {
    return JSON.parse((await this.run('status', '--output', 'json')).stdout) as ClusterStatus;
  }

  kubectl(...args: string[]): Promise<string> {
    return this.ok('kubectl', ...args);
  }

  async object<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T;
  }

  /** Process ids of all that keeps the cluster up: server, agents, container runtimes. */
  async pids(): Promise<Record<string, number | undefined>> {
    const { services } = await this.status();
    const pids = Object.fromEntries(services.map(({ name, pid }) => [name, pid]));
    for (const { name } of services.filter((service) => service.name.startsWith('node-'))) {
      const node = name.slice('node-'.length);
      const { pidFile } = containerdPaths(join(this.dir, 'nodes', node, 'containerd'));
      pids[`containerd-${node}`] = (await readIdentity(pidFile))?.pid;
    }
    return pids;
  }

  async layout(): Promise<ClusterLayout> {
    const layout = await findCluster(dirname(this.dir), this.name);
    if (!layout) throw new Error(`there is no cluster ${this.name}`);
    return layout;
  }

  /** Processes with the cluster in their arguments: supervisors, server, agents, containerd, shims; not those in pods. */
  processes(): Promise<{ pid: number; args: string[] }[]> {
    const own = (arg: string) => arg === this.name || arg.includes(`${this.dir}/`);
    return findProcesses((args) => args.some(own));
  }

  /** What is on the machine now, was not before, and has the cluster's name. Other clusters may come and go meanwhile. */
  async leftovers(index: number): Promise<string[]> {
    if (!this.#before) throw new Error('only a watched cluster knows what was there before');
    const left = leftovers(this.#before, await takeSnapshot());
    const marks = [this.name, `kn${index}-`];
    return left.filter((line) => marks.some((mark) => line.includes(mark)) && !line.includes(this.userHome));
  }

  /** Whatever the test did, the cluster goes. */
  async purge(): Promise<void> {
    await this.ok('down', '--purge');
    rmSync(this.userHome, { recursive: true, force: true });
  }
}

export function runToEnd(words: readonly string[], env: Record<string, string> = {}): Promise<CommandOutcome> {
  const [program, ...args] = words as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

/** Which processes are in the cgroups of the cluster's containers, by cgroup: the same ones as long as nothing restarts. */
export async function containerProcesses(cluster: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cgroups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    const line = cgroups.split('\n').find((text) => text.includes(`/knarr-${cluster}/`));
    if (line) found.push(`${pid} ${line.slice(line.indexOf('/knarr-'))}`);
  }
  return found.sort();
}

/** A workload that answers: the demo image under the name `web`, and a service. */
export async function runWeb(cluster: RealCluster): Promise<{ address: string }> {
  await cluster.kubectl(
    'create',
    'deployment',
    'web',
    '--image',
    'knarr.local/demo:1',
    '--replicas',
    '2',
    '--port',
    '8080',
  );
  await cluster.kubectl('expose', 'deployment', 'web', '--port', '80', '--target-port', '8080');
  await cluster.kubectl('rollout', 'status', 'deployment', 'web', '--timeout', '60s');
  const { spec } = await cluster.object<{ spec: { clusterIP: string } }>('service', 'web');
  return { address: spec.clusterIP };
}

/** The name of the pod that answers at an address. */
export async function fetchText(address: string): Promise<string> {
  const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(5000) });
  return (await response.text()).trim();
}
