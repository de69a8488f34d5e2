import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from 'vitest';
import { findKubectl } from '../../src/cluster/kubectl.ts';
import { runCommand } from '../../src/host/command.ts';

interface Access {
  kubeconfig: string;
  control: string;
}

/** `knarr test-server`, built, with the real kubectl; as nobody, since it needs no root. */
describe('knarr test-server', () => {
  const root = join(import.meta.dirname, '../..');
  const program = join(root, 'dist/knarr.js');
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  let kubectlPath = '';
  beforeAll(async () => {
    // Built as for any user: not at all when that has been done, since other tests run what is there.
    execFileSync(join(root, 'knarr'), ['--version'], { timeout: 60_000 });
    kubectlPath = await findKubectl(root, { run: runCommand });
  });

  async function start(
    ...args: string[]
  ): Promise<{ child: ChildProcess; access: Access; ended: Promise<number | null> }> {
    const flags = [program, 'test-server', '--until-stdin-closes', '--output', 'json', ...args];
    const child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/', ...nobody });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
    return { child, access: JSON.parse(line) as Access, ended };
  }
  const control = async ({ control: url }: Access, path: string, body: object = {}): Promise<Response> =>
    fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
  const kubectl = ({ kubeconfig }: Access, ...args: string[]): string =>
    execFileSync(kubectlPath, args, {
      encoding: 'utf8',
      env: { KUBECONFIG: kubeconfig, HOME: '/tmp' },
      timeout: 30_000,
    });

  it('serves kubectl; time moves and everything is reset on request; goes with its starter and leaves nothing', async () => {
    const { child, access, ended } = await start('--nodes', '2');
    kubectl(access, 'create', 'deployment', 'web', '--image=web:1', '--replicas=3');
    expect(kubectl(access, 'rollout', 'status', 'deployment/web', '--timeout=20s')).toContain(
      'successfully rolled out',
    );
    expect(kubectl(access, 'get', 'pods', '-o', 'jsonpath={.items[*].status.phase}')).toBe('Running Running Running');
    expect(kubectl(access, 'describe', 'node', 'node-1')).toMatch(/Container Runtime Version: +hollow:\/\/1/);

    expect((await control(access, '/nodes/stop', { name: 'node-1' })).status).toBe(200);
    expect((await control(access, '/advance', { by: '1m' })).status).toBe(200);
    expect(kubectl(access, 'get', 'node', 'node-1')).toMatch(/node-1 +NotReady/);

    expect((await control(access, '/reset')).status).toBe(200);
    expect(kubectl(access, 'get', 'deployments', '-o', 'name')).toBe('');
    expect(kubectl(access, 'get', 'node', 'node-1')).toMatch(/node-1 +Ready/);

    const refused = await control(access, '/advance', { by: 'soon' });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: '"soon" is no duration: write 500ms, 30s, 10m, 1h30m or 2d' },
    ]);
    expect((await fetch(access.control.replace(/[0-9a-f]{4}$/, 'ffff'))).status).toBe(404);

    child.stdin?.end();
    expect(await ended).toBe(0);
    expect(existsSync(dirname(access.kubeconfig))).toBe(false);
  });

  it('runs a command with the cluster in its environment, and ends with its exit code', () => {
    const script = 'test -r "$KUBECONFIG" && curl -sf "$KNARR_CONTROL" && exit 7';
    const run = (): string =>
      execFileSync(process.execPath, [program, 'test-server', '--nodes', '1', '--', 'sh', '-c', script], {
        encoding: 'utf8',
        cwd: '/',
        timeout: 30_000,
        ...nobody,
      });
    expect(run).toThrow(expect.objectContaining({ status: 7, stdout: expect.stringContaining('"nodes":["node-1"]') }));
  });
});
