import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { older, type OlderBuild, olderBuild, version } from './older-build.ts';
import { containerProcesses, fetchText, RealCluster, runWeb } from './real-cluster.ts';

const name = 'lc-upgrade';
const now = new RealCluster(name);
let build: OlderBuild;
beforeAll(async () => {
  build = await olderBuild(name);
});
afterAll(async () => {
  await now.purge();
  build.remove();
});

function writeStateFormat(format: number): void {
  const state = open({ path: join(now.dir, 'state'), encoding: 'binary', maxDbs: 4 });
  state.openDB<number, string>({ name: 'meta', encoding: 'ordered-binary' }).putSync('format', format);
  void state.close();
}
const versions = async () => (await now.status()).services.map((service) => service.version);

it('a newer build takes the place of an older one, under containers that do not notice; never the other way round over a newer state', async () => {
  const { cluster: before } = build;
  expect((await before.up('--no-demo')).was).toBe('stopped');
  expect(await versions()).toEqual([older, older]);
  const { address } = await runWeb(now);
  const processes = await containerProcesses(name);
  const pods = await now.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}');
  const pids = await now.pids();

  const upgrade = await now.up('--no-demo');
  expect(upgrade.was).toBe('replaced');
  expect(upgrade.steps.filter(({ detail }) => detail === `${older} replaced by ${version}`)).toHaveLength(2);
  expect(await versions()).toEqual([version, version]);
  const after = await now.pids();
  expect(after['server']).not.toBe(pids['server']);
  expect(after['node-node1']).not.toBe(pids['node-node1']);
  expect(after['containerd-node1']).toBe(pids['containerd-node1']);
  expect(await containerProcesses(name)).toEqual(processes);
  const again = await now.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}');
  expect(again).toBe(pods);
  expect(await now.kubectl('get', 'pods', '-o', 'name')).toContain(await fetchText(address));
  expect((await now.up('--no-demo')).was).toBe('running');

  // What a newer one has written, an older one leaves alone, and running.
  for (const write of [() => writeStateFormat(2), () => writeFileSync(join(now.dir, 'nodes/node1/format'), '2\n')]) {
    write();
    const refused = await before.run('up', '--no-demo');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/was written by a newer knarr \(format 2; this one knows up to 1\)/);
    expect(await now.pids()).toEqual(after);
    writeStateFormat(1);
  }
  expect(await fetchText(address)).toMatch(/^web-/);
});
