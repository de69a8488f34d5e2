import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { VirtualNetwork } from '../../src/cluster/network/virtual-network.ts';
import { outputOf, runCommand, runInNetworkNamespace } from '../../src/host/command.ts';

// Needs root. A namespace plays the host, so that nothing of the real one is touched.
const tag = `t${process.pid}`;
const hostNamespace = `kn-test-host-${process.pid}`;
const host = runInNetworkNamespace(runCommand, `/run/netns/${hostNamespace}`);
const ip = (...args: string[]) => outputOf(host, { program: 'ip', args });
const forwarding = async () =>
  (await outputOf(host, { program: 'cat', args: ['/proc/sys/net/ipv4/ip_forward'] })).trim();
const everything = async () => [
  await ip('-br', 'link'),
  await ip('route'),
  await outputOf(host, { program: 'nft', args: ['list', 'ruleset'] }),
  (await ip('netns'))
    .split('\n')
    .filter((line) => line.includes(tag))
    .join('\n'),
];

/** Succeeds when the address answers: a refused connection is an answer too. */
const knock = `
  const socket = require('node:net').connect({ host: process.argv[1], port: 9, timeout: 2000 });
  socket.on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 0 : 1));
  socket.on('timeout', () => process.exit(2));
`;

describe('a virtual network', () => {
  let folder: string;
  const networkOf = (cluster: string) => {
    const forwardingFile = join(folder, 'ip-forward');
    return new VirtualNetwork(
      { run: host, log: silentLog },
      { cluster, stateFile: join(folder, cluster), forwardingFile },
    );
  };
  const reach = (namespace: string, address: string) =>
    outputOf(runInNetworkNamespace(runCommand, namespace), { program: process.execPath, args: ['-e', knock, address] });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'knarr-network-'));
    await outputOf(runCommand, { program: 'ip', args: ['netns', 'add', hostNamespace] });
    await outputOf(host, { program: 'sh', args: ['-c', 'ip link set lo up; echo 0 > /proc/sys/net/ipv4/ip_forward'] });
  });

  afterAll(async () => {
    await networkOf(tag).down();
    await networkOf(`${tag}-b`).down();
    await outputOf(runCommand, { program: 'ip', args: ['netns', 'del', hostNamespace] });
    await rm(folder, { recursive: true });
  });

  it('connects nodes and host, may be made again, and leaves nothing', async () => {
    const before = await everything();
    const network = networkOf(tag);
    const layout = await network.up({ index: 7, nodes: ['node-1', 'node-2'] });
    const [one, two] = [layout.nodes[0] ?? expect.fail(), layout.nodes[1] ?? expect.fail()];
    await reach(one.namespacePath, two.address);
    await reach(one.namespacePath, layout.hostAddress);
    await reach(`/run/netns/${hostNamespace}`, two.address);
    expect(await forwarding()).toBe('1');
    expect(await ip('route')).toContain(`${layout.serviceCIDR} via ${one.address}`);

    const made = await everything();
    expect(await network.up({ index: 7, nodes: ['node-1', 'node-2'] })).toEqual(layout);
    expect(await everything()).toEqual(made);

    await network.down();
    expect(await everything()).toEqual(before);
    expect(await forwarding()).toBe('0');
    await network.down();
  });

  it('gives nodes the addresses they had, and removes those that are not wanted', async () => {
    const network = networkOf(tag);
    const layout = await network.up({ index: 3, nodes: ['node-2'] });
    expect(layout.fabricCIDR).toBe('172.30.7.0/24');
    expect(layout.nodes.map((node) => node.address)).toEqual(['172.30.7.12']);
    await network.up({ index: 7, nodes: ['node-2', 'node-3'] });
    const { nodes } = await network.up({ index: 7, nodes: ['node-3'] });
    expect(nodes.map((node) => node.address)).toEqual(['172.30.7.13']);
    expect(await ip('netns')).not.toContain(`kn-${tag}-node-2`);
    await network.down();
  });

  it('lives beside another; the last to go restores forwarding', async () => {
    const [first, second] = [networkOf(tag), networkOf(`${tag}-b`)];
    await first.up({ index: 7, nodes: ['node-1'] });
    await expect(second.up({ index: 7, nodes: ['node-1'] })).rejects.toThrow('choose another cluster index');
    const other = await second.up({ index: 8, nodes: ['node-1'] });
    expect((await first.usedIndexes()).sort()).toEqual([7, 8]);
    await reach(`/run/netns/kn-${tag}-node-1`, other.nodes[0]?.address ?? '');
    await first.down();
    expect(await forwarding()).toBe('1');
    await reach(`/run/netns/${hostNamespace}`, other.nodes[0]?.address ?? '');
    await second.down();
    expect(await forwarding()).toBe('0');
    await expect(readFile(join(folder, 'ip-forward'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
