import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { fetchText, RealCluster } from '../lifecycle/real-cluster.ts';
import { clusterIp, expectAllReachAll, inPod, runOnEveryNode, webPods } from './web.ts';

const namespace = 'kt-far';
const link = 'kt-far-lan';
const ip = (...args: string[]) => outputOf(runCommand, { program: 'ip', args });

/** A namespace with a cable to this machine: to a cluster it is a machine on another network than the nodes that are here. */
async function layCable(): Promise<void> {
  await ip('netns', 'add', namespace);
  await ip('link', 'add', link, 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('addr', 'add', '10.77.0.1/24', 'dev', link);
  await ip('link', 'set', link, 'up');
  for (const args of ['link set lo up', 'addr add 10.77.0.2/24 dev eth0', 'link set eth0 mtu 1400 up']) {
    await ip('-n', namespace, ...args.split(' '));
  }
}

describe('a machine that joins', () => {
  let cluster: RealCluster;
  const far = new RealCluster('n-far', { enter: ['nsenter', `--net=/run/netns/${namespace}`] });

  beforeAll(async () => {
    await layCable();
    cluster = await RealCluster.watched('n-join');
    await cluster.up('--no-demo', '--nodes', '2');
  });
  afterAll(async () => {
    await far.ok('leave');
    await far.purge();
    await ip('netns', 'del', namespace);
    await cluster.purge();
  });

  it('needs a server that others can reach, and a command that it prints', async () => {
    const refused = await cluster.run('token create');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--advertise') });
    expect((await far.run('join')).stderr).toContain('has not joined a cluster yet');
    await cluster.up('--advertise', '10.77.0.1');
    const made = JSON.parse(await cluster.ok('token create', '-o', 'json')) as Record<string, string>;
    const { server = '', token = '', caHash = '' } = made;
    expect(made['command']).toBe(`./knarr join ${server} --cluster n-join --token ${token} --ca-hash ${caHash}`);
    await far.ok('join', server, '--token', token, '--ca-hash', caHash, '--name', 'far');
    expect((await cluster.status()).nodes).toContainEqual(
      expect.objectContaining({ name: 'far', ready: true, address: '10.77.0.2' }),
    );
    expect((await far.run('up')).stderr).toContain('this machine is a node of cluster n-far');
    // Who it is it knows from now on.
    expect(await far.ok('join')).toContain(`This machine is node far of ${server}`);
  });

  it('has pods that reach those of all others through the tunnel, and Services, names and the API server', async () => {
    await runOnEveryNode(cluster);
    expect((await webPods(cluster)).map(({ node }) => node)).toEqual(['far', 'node1', 'node2']);
    await expectAllReachAll(cluster);
    const [there, here] = await webPods(cluster);
    if (!there || !here) return expect.fail();
    expect(await inPod(cluster, there.name, 'nslookup web.default.svc.cluster.local')).toContain(
      `Address: ${await clusterIp(cluster)}`,
    );
    expect(await inPod(cluster, there.name, 'nc -w 30 kubernetes.default 443 -e true && echo open')).toBe('open\n');
    // This machine reaches it through whichever node is its way to pods, the API server too.
    expect(await fetchText(`${there.podIp}:8080`)).toBe(there.name);
    expect(await cluster.kubectl('logs', there.name)).toBe('');
    // Room for the envelope is found on the link of 1400: no packet is broken up on the way.
    expect(await inPod(cluster, there.name, 'cat /sys/class/net/eth0/mtu')).toBe('1350\n');
    const big = await inPod(cluster, there.name, `ping -c 1 -w 30 -s 1322 ${here.podIp}`);
    expect(big).toContain('1 packets received');
    await inPod(cluster, here.name, 'head -c 3000000 /dev/zero >/www/big');
    const bytes = `timeout 20 wget -qO- http://${here.podIp}:8080/big | wc -c`;
    expect(await inPod(cluster, there.name, bytes)).toBe('3000000\n');
  });

  it('keeps its pods when the cable is pulled, and is found again', async () => {
    const [there, here] = await webPods(cluster);
    if (!there || !here) return expect.fail();
    await ip('link', 'set', link, 'down');
    await cluster.kubectl('wait', 'node/far', '--for=condition=Ready=Unknown', '--timeout=240s');
    await ip('link', 'set', link, 'up');
    await cluster.kubectl('wait', 'node/far', '--for=condition=Ready', '--timeout=240s');
    await cluster.kubectl('wait', `pod/${there.name}`, '--for=condition=Ready', '--timeout=120s');
    const { status } = await cluster.object<Pod>('pod', there.name);
    expect(status.containerStatuses?.[0]?.restartCount).toBe(0);
    await expectAllReachAll(cluster);
  });

  it('leaves without a trace', async () => {
    await far.ok('leave');
    expect(await ip('-n', namespace, '-br', 'link')).not.toContain('kn-');
    expect(await ip('-n', namespace, 'route')).toBe('10.77.0.0/24 dev eth0 proto kernel scope link src 10.77.0.2 \n');
    const tables = { program: 'nsenter', args: [`--net=/run/netns/${namespace}`, 'nft', 'list', 'tables'] };
    expect(await outputOf(runCommand, tables)).not.toContain('knarr');
    await cluster.kubectl('delete', 'node', 'far');
    const left = await cluster.leftovers(-1);
    expect(left.filter((line) => line.includes('n-far'))).toEqual([]);
  });
});
