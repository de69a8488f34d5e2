import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerProcesses, RealCluster, runToEnd, runWeb } from './real-cluster.ts';

/**
 * A machine without any network: a network namespace with nothing but its loopback, and with a mount namespace, so that the
 * namespaces' names and the remembered `ip_forward` are its own.
 */
const script =
  'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && echo ready && exec sleep infinity';
let machine: ChildProcess;
let cluster: RealCluster;

beforeAll(async () => {
  machine = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(machine.stdout as NodeJS.ReadableStream, 'data');
  cluster = new RealCluster('lc-offline', { enter: enter() });
});
afterAll(async () => {
  await cluster.purge();
  machine.kill('SIGKILL');
  await once(machine, 'close');
});

const enter = (): string[] => ['nsenter', `--target=${machine.pid}`, '--net', '--mount', '--'];
const inside = async (...words: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runToEnd([...enter(), ...words]);
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return stdout.trim();
};

it('a cluster needs no address, no default route and no name server of its machine, and does not mind when these change', async () => {
  expect(await inside('ip', 'route')).toBe('');
  await cluster.up('--no-demo');
  const { address } = await runWeb(cluster);
  const answer = () => inside('timeout', '5', '/bin/busybox', 'wget', '-qO-', `http://${address}/`).catch(String);
  const byName = () =>
    cluster.run('kubectl', 'exec', 'deployment/web', '--', 'wget', '-qO-', 'http://web.default.svc/');
  await expect.poll(answer, { timeout: 30_000 }).toMatch(/^web-/);
  expect((await byName()).stdout).toMatch(/^web-/);
  const processes = await containerProcesses('lc-offline');
  const pids = await cluster.pids();

  // The machine gets an address and a default route, then others, then none.
  await inside('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  await inside('ip', 'link', 'set', 'lan0', 'up');
  for (const lan of ['192.0.2', '198.51.100']) {
    await inside('ip', 'addr', 'add', `${lan}.7/24`, 'dev', 'lan0');
    await inside('ip', 'route', 'replace', 'default', 'dev', 'lan0');
    await expect.poll(answer, { timeout: 30_000 }).toMatch(/^web-/);
    await inside('ip', 'addr', 'del', `${lan}.7/24`, 'dev', 'lan0');
  }
  await inside('ip', 'link', 'del', 'lan0');
  expect((await cluster.up('--no-demo')).was).toBe('running');
  await expect.poll(answer, { timeout: 30_000 }).toMatch(/^web-/);
  expect((await byName()).stdout).toMatch(/^web-/);
  expect(await cluster.pids()).toEqual(pids);
  expect(await containerProcesses('lc-offline')).toEqual(processes);
  expect(await cluster.status()).toMatchObject({ healthy: true, problems: [] });
});
