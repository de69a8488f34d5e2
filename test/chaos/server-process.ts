import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRng } from '../../src/base/rng.ts';
import { type AdminClient, adminClient, eventually } from '../../src/cluster/admin-client.ts';
import { type ClusterLayout, layoutOf, maxClusters } from '../../src/cluster/layout.ts';
import { maxIndex } from '../../src/cluster/network/layout.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';

const root = join(import.meta.dirname, '../..');

/** Pick addresses and ports; above those of real clusters. */
const indexes = Array.from({ length: maxIndex - maxClusters }, (_, i) => maxClusters + i);

export interface ServerOptions {
  /** Folder of the cluster; a fresh temporary one when absent. */
  home?: string;
  /** More flags for the program. */
  args?: string[];
  /** A server of the same cluster: this one gets its CA and keys. */
  joins?: ServerProcess;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The shipped `knarr server`, with lmdb and on its own address, but without nodes and their networks. */
export class ServerProcess {
  readonly layout: ClusterLayout;
  readonly #home: string;
  readonly #args: string[];
  readonly #isHomeOurs: boolean;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> = Promise.resolve({ code: 0, signal: null });

  /** Builds the program when it is older than its sources, and takes an address that no other test has. */
  static async prepare(options: ServerOptions = {}): Promise<ServerProcess> {
    await outputOf(runCommand, { program: join(root, 'knarr'), args: ['--version'] });
    for (const index of indexes) {
      const server = new ServerProcess(index, options);
      if (!(await server.#takeAddress())) continue;
      // The address is ours, so what an interrupted run left here is nobody's.
      if (server.#isHomeOurs) rmSync(server.#home, { recursive: true, force: true });
      mkdirSync(server.layout.logDir, { recursive: true });
      if (options.joins) copyTrust(options.joins.layout.pkiDir, server.layout.pkiDir);
      writeFileSync(server.layout.identityFile, JSON.stringify({ format: 1, name: server.layout.name, index }));
      return server;
    }
    throw new Error('every address is taken');
  }

  private constructor(index: number, { home, args = [] }: ServerOptions) {
    this.#args = args;
    this.#isHomeOurs = home === undefined;
    this.#home = home ?? join(tmpdir(), `knarr-chaos-${index}`);
    this.layout = layoutOf({ name: 'crash', index, home: this.#home });
  }

  /** False when somebody has it. */
  async #takeAddress(): Promise<boolean> {
    const args = ['address', 'add', this.#address, 'dev', 'lo'];
    return (await runCommand({ program: 'ip', args })).exitCode === 0;
  }

  get #address(): string {
    return `${this.layout.network.hostAddress}/32`;
  }

  get #logFile(): string {
    return join(this.layout.logDir, 'server.log');
  }

  /** Ends when the process does. */
  get exit(): Promise<Exit> {
    return this.#exit;
  }

  /** Starts it; one that still runs is killed first. */
  async start(env: Record<string, string> = {}): Promise<void> {
    await this.kill();
    const log = openSync(this.#logFile, 'a');
    const child = spawn(
      process.execPath,
      [join(root, 'dist/knarr.js'), 'server', '--cluster', this.layout.name, ...this.#args],
      {
        stdio: ['ignore', log, log],
        env: { PATH: process.env.PATH, KNARR_HOME: this.#home, KNARR_ROOT: root, ...env },
      },
    );
    closeSync(log);
    this.#child = child;
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  /** Resolves when it answers that it is ready; rejects at once when the process has ended. */
  async ready(): Promise<void> {
    const ended = this.#exit.then((exit) => {
      throw new Error(`the server ended with ${JSON.stringify(exit)}: ${this.log()}`);
    });
    ended.catch(() => {});
    const answers = eventually(realClock, { what: `the server: ${this.log()}`, timeoutMs: 120_000 }, async () => {
      const admin = await this.client();
      try {
        return (await admin.transport.raw('GET', '/readyz')).status === 200 || undefined;
      } finally {
        admin.close();
      }
    });
    await Promise.race([answers, ended]);
  }

  /** What the running or last process wrote, its end. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-2000);
  }

  client(): Promise<AdminClient> {
    return adminClient(this.layout, { clock: realClock, rng: seededRng(1), log: silentLog });
  }

  /** Without waiting for anything: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#child?.kill(signal);
    return this.#exit;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await runCommand({ program: 'ip', args: ['address', 'delete', this.#address, 'dev', 'lo'] });
    rmSync(this.#isHomeOurs ? this.#home : this.layout.dir, { recursive: true, force: true });
  }
}

/** What every server of a cluster has in common. */
function copyTrust(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of ['ca.crt', 'ca.key', 'sa.key', 'sa.pub']) copyFileSync(join(from, file), join(to, file));
}
