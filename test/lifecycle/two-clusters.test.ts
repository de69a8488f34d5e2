import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { containerProcesses, fetchText, RealCluster, runToEnd, runWeb } from './real-cluster.ts';

const one = new RealCluster('lc-one');
const other = new RealCluster('lc-other', { env: { HOME: one.userHome } });
afterAll(async () => {
  await one.purge();
  await other.purge();
});

const contexts = (): string[] =>
  parse(readFileSync(join(one.userHome, '.kube/config'), 'utf8')).contexts.map(({ name }: { name: string }) => name);
const webOf = (cluster: RealCluster) => cluster.kubectl('get', 'pods,configmaps', '-A', '-o', 'name', '-l', 'app');

it('two clusters live side by side, and one does not notice the end of the other', async () => {
  // At the same moment: each takes networks and ports of its own.
  const [first, second] = await Promise.all([one.up('--no-demo'), other.up('--no-demo')]);
  expect(first.server).not.toBe(second.server);
  expect(first.nodes[0]?.address).not.toBe(second.nodes[0]?.address);
  expect(contexts().sort()).toEqual(['knarr-lc-one', 'knarr-lc-other']);

  const [, { address }] = await Promise.all([one.kubectl('create', 'configmap', 'mine'), runWeb(other)]);
  expect(await one.kubectl('get', 'configmap', 'mine', '-o', 'name')).toBe('configmap/mine\n');
  expect((await other.run('kubectl', 'get', 'configmap', 'mine')).stderr).toContain('configmaps "mine" not found');
  expect((await one.run('kubectl', 'get', 'deployment', 'web')).stderr).toContain('"web" not found');
  expect(await webOf(one)).toBe('');
  const pods = await webOf(other);
  expect(pods.trim().split('\n')).toHaveLength(2);
  // The kubeconfig of one is nothing to the server of the other.
  const theirs = ['--server', second.server.replace(/\/\/.*:/, '//127.0.0.1:')];
  expect((await one.run('kubectl', ...theirs, 'get', 'nodes')).stderr).toMatch(/certificate/);

  const before = { pids: await other.pids(), processes: await containerProcesses('lc-other') };
  expect(before.processes.length).toBeGreaterThanOrEqual(4);
  await one.ok('down', '--purge');
  expect({ pids: await other.pids(), processes: await containerProcesses('lc-other') }).toEqual(before);
  expect(await other.status()).toMatchObject({ healthy: true, problems: [] });
  expect(await webOf(other)).toBe(pods);
  expect(pods).toContain(await fetchText(address));
  expect(contexts()).toEqual(['knarr-lc-other']);
  expect((await runToEnd(['ip', 'netns', 'list'])).stdout).not.toContain('kn-lc-one-');
});
