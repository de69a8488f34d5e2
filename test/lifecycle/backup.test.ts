import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ConfigMap, Pod, Service } from '../../src/api/generated/types.ts';
import { fetchText, RealCluster, runWeb } from './real-cluster.ts';

const cluster = new RealCluster('lc-backup');
const again = new RealCluster('lc-again');
const copy = new RealCluster('lc-copy');
afterAll(async () => {
  await cluster.purge();
  await copy.purge();
  await again.purge();
});

interface Manifest {
  revision: number;
  objects: number;
}
const uidsOf = async (of: RealCluster) =>
  (await of.object<{ items: Pod[] }>('pods', '-l', 'app=web')).items.map(({ metadata }) => metadata.uid).sort();
const numbersOf = async (of: RealCluster) =>
  (await of.object<{ items: ConfigMap[] }>('configmaps', '-l', 'numbered')).items.map(({ metadata }) => ({
    number: Number(metadata.name.slice(1)),
    revision: Number(metadata.resourceVersion),
  }));

it('a backup of a cluster under writes comes back as the cluster of one moment', async () => {
  await cluster.up('--no-demo', '--nodes', '2');
  const { address } = await runWeb(cluster);
  const uids = await uidsOf(cluster);
  const file = join(again.userHome, 'backup');

  // One after the other, as fast as it goes, until the backup is there.
  let written = 0;
  let done = false;
  const writing = (async () => {
    while (!done) {
      await cluster.kubectl('create', 'configmap', `n${++written}`);
      await cluster.kubectl('label', 'configmap', `n${written}`, 'numbered=');
    }
  })();
  await expect.poll(() => written, { timeout: 30_000 }).toBeGreaterThan(2);
  const manifest = JSON.parse(await cluster.ok('backup', file, '--output', 'json')) as Manifest;
  const atBackup = written;
  done = true;
  await writing;
  expect(statSync(file).mode & 0o777).toBe(0o600);

  // Beside the first one, in other networks, while that one runs on.
  expect(JSON.parse(await copy.ok('restore', file, '--output', 'json'))).toMatchObject(manifest);
  await copy.up('--no-demo');
  expect(await uidsOf(copy)).toEqual(uids);
  expect((await copy.status()).nodes.map(({ name, ready }) => [name, ready])).toEqual([
    ['node1', true],
    ['node2', true],
  ]);
  const copied = (await copy.object<Service>('service', 'web')).spec.clusterIP ?? '';
  expect(copied.split('.').slice(2)).toEqual(address.split('.').slice(2));
  expect(copied).not.toBe(address);
  await expect.poll(() => fetchText(copied).catch(String), { timeout: 60_000 }).toMatch(/^web-/);
  const fromPod = ['exec', 'deployment/web', '--', 'wget', '-qO-', 'http://web.default.svc/'];
  await expect.poll(async () => (await copy.run('kubectl', ...fromPod)).stdout, { timeout: 60_000 }).toMatch(/^web-/);
  expect(await copy.status()).toMatchObject({ healthy: true, problems: [] });
  expect(await fetchText(address)).toMatch(/^web-/);

  // In the place of the first one, with all its addresses.
  await cluster.ok('down', '--purge');
  expect(JSON.parse(await again.ok('restore', file, '--output', 'json'))).toMatchObject(manifest);
  await again.up('--no-demo');

  // Every write up to one revision, and none after it.
  const numbers = await numbersOf(again);
  expect(numbers.length).toBeGreaterThanOrEqual(2);
  expect(numbers.map(({ number }) => number).sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
  expect(numbers.length).toBeLessThanOrEqual(atBackup);
  for (const { revision } of numbers) expect(revision).toBeLessThanOrEqual(manifest.revision);

  expect(await uidsOf(again)).toEqual(uids);
  await expect.poll(() => fetchText(address).catch(String), { timeout: 60_000 }).toMatch(/^web-/);
  expect(await again.status()).toMatchObject({ healthy: true, problems: [] });
});
