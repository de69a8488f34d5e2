import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerProcesses, fetchText, RealCluster, root, runToEnd, runWeb } from './real-cluster.ts';

const name = 'lc-upgrade';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const older = '0.0.9';
const oldRoot = mkdtempSync(join(tmpdir(), 'knarr-older-'));
const now = new RealCluster(name);
/** The same program with another version in it, in a place of its own: another build. */
const before = new RealCluster(name, {
  program: [process.execPath, join(oldRoot, 'dist/knarr.js')],
  env: { KNARR_ROOT: oldRoot },
});

beforeAll(async () => {
  // Builds, if need be.
  await runToEnd([join(root, 'knarr'), '--version']);
  cpSync(join(root, 'dist'), join(oldRoot, 'dist'), { recursive: true });
  for (const file of ['node_modules', '.cache']) symlinkSync(join(root, file), join(oldRoot, file));
  const program = join(oldRoot, 'dist/knarr.js');
  const text = readFileSync(program, 'utf8');
  expect(text).toContain(`version: "${version}"`);
  writeFileSync(program, text.replace(`version: "${version}"`, `version: "${older}"`));
});
afterAll(async () => {
  await now.purge();
  rmSync(before.userHome, { recursive: true });
  rmSync(oldRoot, { recursive: true });
});

function writeStateFormat(format: number): void {
  const state = open({ path: join(now.dir, 'state'), encoding: 'binary', maxDbs: 4 });
  state.openDB<number, string>({ name: 'meta', encoding: 'ordered-binary' }).putSync('format', format);
  void state.close();
}
const versions = async () => (await now.status()).services.map((service) => service.version);

it('a newer build takes the place of an older one, under containers that do not notice; never the other way round over a newer state', async () => {
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
}, 180_000);
