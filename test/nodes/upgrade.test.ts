import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/generated/types.ts';
import { older, type OlderBuild, olderBuild, version } from '../lifecycle/older-build.ts';
import { fetchText, RealCluster, runWeb } from '../lifecycle/real-cluster.ts';

const name = 'n-upgrade';
const now = new RealCluster(name);
let before: OlderBuild;
beforeAll(async () => {
  before = await olderBuild(name);
});
afterAll(async () => {
  await now.purge();
  before.remove();
});

const pods = async () =>
  (await now.object<{ items: Pod[] }>('pods', '-l', 'app=web')).items.filter(
    ({ metadata }) => !metadata.deletionTimestamp,
  );

it('an upgrade empties each node before it replaces its agent, within the disruption budget, and gives it back', async () => {
  await before.cluster.up('--no-demo', '--nodes', '3');
  const { address } = await runWeb(now);
  // At no time may both be gone.
  await now.kubectl('create', 'poddisruptionbudget', 'web', '--selector', 'app=web', '--min-available', '1');
  await now.kubectl('cordon', 'node3');
  const uids = (await pods()).map(({ metadata }) => metadata.uid);
  expect((await now.status()).services.map((service) => service.version)).toEqual([older, older, older, older]);

  const said = await now.ok('upgrade');
  const steps = said.split('\n').filter((line) => /node node\d/.test(line));
  const order = ['node1', 'node2', 'node3'].flatMap((node) => [
    new RegExp(`node ${node}: drained: \\d pods evicted`),
    new RegExp(`node ${node} .*: ${older} replaced by ${version}`),
  ]);
  expect(steps).toHaveLength(order.length);
  for (const [i, expected] of order.entries()) expect(steps[i], said).toMatch(expected);
  expect(said).toContain(`Upgraded to knarr ${version}`);
  expect((await now.status()).services.map((service) => service.version)).toEqual([version, version, version, version]);
  // Kept from pods before, kept from pods after; the other one is not.
  const { items } = await now.object<{ items: Node[] }>('nodes');
  expect(items.map(({ spec }) => spec.unschedulable ?? false)).toEqual([false, false, true]);
  await now.kubectl('rollout', 'status', 'deployment', 'web', '--timeout=240s');
  const after = await pods();
  expect(after).toHaveLength(2);
  expect(after.filter(({ metadata }) => uids.includes(metadata.uid))).toEqual([]);
  expect(after.map(({ metadata }) => metadata.name)).toContain(await fetchText(address));
  expect(await now.ok('upgrade')).toContain(`All of it is knarr ${version} already.`);
});
