import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKubectl } from '../../../src/cluster/kubectl.ts';
import { runCommand } from '../../../src/host/command.ts';
import { renderKubeconfig } from '../../../src/pki/kubeconfig.ts';
import type { ApiProcess } from './api-process.ts';

/** kubectl as the administrator of a server of ours, with a home of its own. `out` is all that it says. */
export interface ApiKubectl {
  (args: string, input?: string): Promise<{ code: number; out: string }>;
  close(): void;
}

export async function kubectlFor(server: ApiProcess): Promise<ApiKubectl> {
  const program = await findKubectl(join(import.meta.dirname, '../../..'), { run: runCommand });
  const dir = mkdtempSync(join(tmpdir(), 'api-kubectl-'));
  const config = renderKubeconfig({
    clusterName: 'test',
    userName: 'kubernetes-admin',
    server: `https://127.0.0.1:${server.port}`,
    caPem: server.pki.ca.cert,
    credential: server.pki.admin,
  });
  writeFileSync(join(dir, 'config'), config);
  const env = { ...process.env, KUBECONFIG: join(dir, 'config'), HOME: dir };
  const run = (args: string, input = ''): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const child = execFile(program, args.split(' '), { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
      );
      child.stdin?.end(input);
    });
  return Object.assign(run, { close: () => rmSync(dir, { recursive: true }) });
}
