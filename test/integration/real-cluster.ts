import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Snapshot, leftovers, takeSnapshot } from '../../scripts/clean-machine.ts';
import { type ClusterLayout } from '../../src/cluster/layout.ts';
import { findCluster } from '../../src/cluster/cluster-identity.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { findProcesses } from '../../src/host/recorded-process.ts';

const root = join(import.meta.dirname, '../..');
const home = '/var/lib/knarr';

/** A cluster that the real `knarr` makes on this machine, and what it leaves behind. */
export class RealCluster {
  readonly name: string;
  readonly #before: Snapshot;
  readonly #dir = mkdtempSync(join(tmpdir(), 'knarr-cluster-'));

  /** Looks at the machine before anything is there. `name`: at most 12 characters, one for each test file. */
  static async prepare(name: string): Promise<RealCluster> {
    return new RealCluster(name, await takeSnapshot());
  }

  private constructor(name: string, before: Snapshot) {
    this.name = name;
    this.#before = before;
  }

  /** The user's kubeconfig: not that of whoever runs the tests. */
  get kubeconfig(): string {
    return join(this.#dir, 'kubeconfig');
  }

  /** Runs a command of knarr on this cluster; rejects unless it succeeds. */
  knarr(command: string, ...args: string[]): Promise<string> {
    const call = [join(root, 'knarr'), command, '--cluster', this.name, ...args];
    return outputOf(runCommand, { program: 'env', args: [`KUBECONFIG=${this.kubeconfig}`, ...call] });
  }

  async layout(): Promise<ClusterLayout> {
    const layout = await findCluster(home, this.name);
    if (!layout) throw new Error(`there is no cluster ${this.name}`);
    return layout;
  }

  /** Processes with the cluster in their arguments: supervisors, server, agents, containerd, shims; not those in pods. */
  processes(): Promise<{ pid: number; args: string[] }[]> {
    const own = (arg: string) => arg === this.name || arg.includes(`${home}/${this.name}/`);
    return findProcesses((args) => args.some(own));
  }

  /** What is on the machine now, was not before, and has the cluster's name. Other clusters may come and go meanwhile. */
  async leftovers(index: number): Promise<string[]> {
    const left = leftovers(this.#before, await takeSnapshot());
    const marks = [this.name, `kn${index}-`];
    return left.filter((line) => marks.some((mark) => line.includes(mark)));
  }

  /** Whatever the test did, the cluster goes. */
  async dispose(): Promise<void> {
    await this.knarr('down', '--purge');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
