import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKubectl } from '../../../src/cluster/kubectl.ts';
import { runCommand } from '../../../src/host/command.ts';
import { renderKubeconfig } from '../../../src/pki/kubeconfig.ts';
import type { ApiProcess } from './api-process.ts';

/** kubectl with a home of its own. `out` is all that it says. */
export interface ApiKubectl {
  (args: string | readonly string[], input?: string): Promise<{ code: number; out: string }>;
  /** One that runs on, until it is killed. */
  start(args: readonly string[]): ChildProcess;
  /** Its home: there is room for files. */
  dir: string;
  close(): void;
}

/** As the administrator of a server of ours. */
export const kubectlFor = (server: ApiProcess): Promise<ApiKubectl> =>
  kubectlWith(
    renderKubeconfig({
      clusterName: 'test',
      userName: 'kubernetes-admin',
      server: `https://127.0.0.1:${server.port}`,
      caPem: server.pki.ca.cert,
      credential: server.pki.admin,
    }),
  );

export async function kubectlWith(kubeconfig: string): Promise<ApiKubectl> {
  const program = await findKubectl(join(import.meta.dirname, '../../..'), { run: runCommand });
  const dir = mkdtempSync(join(tmpdir(), 'api-kubectl-'));
  writeFileSync(join(dir, 'config'), kubeconfig);
  const env = { ...process.env, KUBECONFIG: join(dir, 'config'), HOME: dir };
  const run = (args: string | readonly string[], input = ''): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const list = typeof args === 'string' ? args.split(' ') : [...args];
      const child = execFile(program, list, { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
      );
      child.stdin?.end(input);
    });
  return Object.assign(run, {
    dir,
    start: (args: readonly string[]) => spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }),
    close: () => rmSync(dir, { recursive: true }),
  });
}
