import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';

export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface KubectlOptions {
  /** Given on standard input, which is closed after it. */
  input?: string;
  env?: Record<string, string>;
  /** The command is ended after this long, and its result is what it had said until then. */
  timeoutMs?: number;
}

/** kubectl as one user has it: a folder with a home and a kubeconfig whose namespace is `namespace`. */
export interface Kubectl {
  namespace: string;
  /** Commands run here; files that they read are written here. */
  dir: string;
  /** Runs to the end, whatever comes of it. */
  (args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** Runs to the end; resolves with standard output, rejects unless the exit code is 0. */
  ok(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** The parsed answer of `get … -o json`. */
  object<T>(...args: string[]): Promise<T>;
  /** Starts a command that runs until it is ended. */
  start(args: readonly string[], env?: Record<string, string>): RunningKubectl;
}

/** A kubectl with a kubeconfig of its own; the namespace is made. `program`: another than the newest. */
export async function kubectlIn(namespace: string, program = inject('kubectl')): Promise<Kubectl> {
  const dir = join(inject('scratch'), namespace);
  await mkdir(dir, { recursive: true });
  const kubeconfig = join(dir, 'kubeconfig');
  await copyFile(inject('kubeconfig'), kubeconfig);
  const environment = {
    PATH: process.env.PATH ?? '',
    KUBECONFIG: kubeconfig,
    // All share what discovery says.
    HOME: inject('scratch'),
    TMPDIR: dir,
  };
  const start = (args: readonly string[], env: Record<string, string> = {}) =>
    new RunningKubectl(spawn(program, args, { cwd: dir, env: { ...environment, ...env } }));
  const run = async (args: readonly string[], { input = '', env, timeoutMs = 60_000 }: KubectlOptions = {}) => {
    const running = start(args, env);
    running.end(input);
    const timer = setTimeout(() => running.stop(), timeoutMs);
    const code = await running.exited;
    clearTimeout(timer);
    return { code, stdout: running.stdout, stderr: running.stderr };
  };
  const ok = async (args: readonly string[], options?: KubectlOptions) => {
    const { code, stdout, stderr } = await run(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const object = async <T>(...args: string[]) => JSON.parse(await ok(['get', ...args, '-o', 'json'])) as T;
  const kubectl: Kubectl = Object.assign(run, { namespace, dir, ok, object, start });
  await ok(['config', 'set-context', '--current', '--namespace', namespace]);
  await ok(['create', 'namespace', namespace]);
  return kubectl;
}

/** The API without authentication at an address of this machine, until the proxy is stopped. */
export async function proxyOf(kubectl: Kubectl): Promise<{ address: string; proxy: RunningKubectl }> {
  const proxy = kubectl.start(['proxy', '--port=0']);
  await proxy.says('Starting to serve on ');
  const [address = ''] = /127\.0\.0\.1:\d+/.exec(proxy.stdout) ?? [];
  return { address, proxy };
}

/** A kubectl that is running, with all it has said. */
export class RunningKubectl {
  stdout = '';
  stderr = '';
  readonly exited: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;
  #looks: (() => void)[] = [];
  #ended = false;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#said(() => (this.stdout += chunk.toString())));
    child.stderr.on('data', (chunk: Buffer) => this.#said(() => (this.stderr += chunk.toString())));
    // kubectl may end before it has read everything.
    child.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) =>
        this.#said(() => {
          this.#ended = true;
          resolve(code ?? -1);
        }),
      );
    });
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  end(text = ''): void {
    this.#child.stdin.end(text);
  }

  /** Resolves as soon as standard output contains `text`; rejects when the command ends without it. */
  async says(text: string): Promise<void> {
    for (;;) {
      if (this.stdout.includes(text)) return;
      if (this.#ended) throw new Error(`ended without saying ${text}: ${this.stdout}${this.stderr}`);
      await this.more();
    }
  }

  /** Resolves when it has said something more, or has ended. */
  more(): Promise<void> {
    return this.#ended ? Promise.resolve() : new Promise((resolve) => this.#looks.push(resolve));
  }

  /** Ends it as a person would, with an interrupt. */
  async stop(): Promise<number> {
    this.#child.kill('SIGINT');
    return this.exited;
  }

  #said(note: () => void): void {
    note();
    for (const look of this.#looks.splice(0)) look();
  }
}
