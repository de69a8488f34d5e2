import { afterAll, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/generated/types.ts';
import { powerOff } from './power-off.ts';
import { fetchText, RealCluster, runWeb } from './real-cluster.ts';

const cluster = new RealCluster('lc-reboot');
afterAll(() => cluster.purge());

/** What must be the same after a reboot. */
async function lasting() {
  const { items: pods } = await cluster.object<{ items: Pod[] }>('pods', '-l', 'app=web');
  const { items: nodes } = await cluster.object<{ items: Node[] }>('nodes');
  return {
    pods: pods.map(({ metadata }) => `${metadata.name} ${metadata.uid}`).sort(),
    services: await cluster.kubectl('get', 'services', '-A', '-o', 'jsonpath={.items[*].spec.clusterIP}'),
    nodes: nodes.map(({ metadata, spec, status }) => ({
      uid: metadata.uid,
      podCIDR: spec.podCIDR,
      addresses: status.addresses,
      systemUUID: status.nodeInfo?.systemUUID,
    })),
    secret: await cluster.kubectl('get', 'secrets', '-n', 'kube-system', '-o', 'name'),
  };
}

it('after a reboot the same cluster comes back: pods, services and nodes with what they had', async () => {
  await cluster.up('--no-demo', '--nodes', '2');
  const { address } = await runWeb(cluster);
  const before = await lasting();

  await powerOff(cluster);
  expect((await cluster.run('status')).code).toBe(4);
  expect((await cluster.up('--no-demo')).was).toBe('stopped');

  // What the server still believes of its pods may be older than the reboot: what counts is that they answer.
  await expect.poll(() => fetchText(address).catch(String), { timeout: 60_000 }).toMatch(/^web-/);
  await cluster.kubectl('wait', 'pods', '-l', 'app=web', '--for', 'condition=Ready', '--timeout', '60s');
  const fromPod = ['exec', 'deployment/web', '--', 'wget', '-qO-', 'http://web.default.svc/'];
  await expect
    .poll(async () => (await cluster.run('kubectl', ...fromPod)).stdout, { timeout: 60_000 })
    .toMatch(/^web-/);
  expect(await lasting()).toEqual(before);
  expect(await cluster.status()).toMatchObject({ healthy: true, problems: [] });
});
