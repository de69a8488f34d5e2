import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointSlice, Lease } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { eventually } from '../../src/cluster/admin-client.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { readIdentity } from '../../src/host/recorded-process.ts';
import { RealCluster } from '../lifecycle/real-cluster.ts';
import { expectAllReachAll, nodePlaces, runOnEveryNode, webPods } from './web.ts';

const link = 'kt-srv-lan';
const ip = (...args: string[]) => outputOf(runCommand, { program: 'ip', args });

/** Another machine: a namespace on a link of this one, with clusters of its own. */
class Machine {
  readonly namespace: string;
  readonly cluster: RealCluster;
  readonly #address: string;
  readonly #home = mkdtempSync(join(tmpdir(), 'knarr-machine-'));

  constructor(name: string, number: number) {
    this.namespace = `kt-srv-${name}`;
    this.#address = `10.78.0.${number}`;
    const enter = ['nsenter', `--net=/run/netns/${this.namespace}`];
    this.cluster = new RealCluster(`n-${name}`, { enter, home: this.#home });
  }

  async plugIn(): Promise<void> {
    const { namespace } = this;
    await ip('netns', 'add', namespace);
    await ip('link', 'add', namespace, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('link', 'set', namespace, 'master', link, 'up');
    const inside = ['link set lo up', `addr add ${this.#address}/24 dev eth0`, 'link set eth0 up'];
    for (const args of [...inside, 'route add default via 10.78.0.1']) await ip('-n', namespace, ...args.split(' '));
  }

  async dispose(): Promise<void> {
    await this.cluster.ok('leave');
    await ip('netns', 'del', this.namespace);
    rmSync(this.#home, { recursive: true, force: true });
    rmSync(this.cluster.userHome, { recursive: true, force: true });
  }
}

/** Addresses of the servers that clients in the cluster are sent to. */
async function endpointsOf(cluster: RealCluster): Promise<string[]> {
  const { items } = await cluster.object<{ items: EndpointSlice[] }>(
    'endpointslices',
    '-l',
    'kubernetes.io/service-name=kubernetes',
  );
  return items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses)).sort();
}

const untilServers = (cluster: RealCluster, wanted: string[]) =>
  eventually(realClock, { what: `the servers ${wanted.join(' ')}`, timeoutMs: 120_000 }, async () => {
    const found = await endpointsOf(cluster);
    return found.join() === wanted.join() || undefined;
  });

/** Ends what keeps a service up, and the service, without a word to anybody. */
async function kill(cluster: RealCluster, ...services: string[]): Promise<void> {
  const { runDir } = await cluster.layout();
  for (const file of services.flatMap((name) => [`${name}.supervisor.pid`, `${name}.pid`])) {
    const found = await readIdentity(join(runDir, file));
    if (found) process.kill(found.pid, 'SIGKILL');
  }
}

describe('three machines that are servers and nodes', () => {
  let first: RealCluster;
  const [second, third] = [new Machine('srv2', 2), new Machine('srv3', 3)];

  beforeAll(async () => {
    await ip('link', 'add', link, 'type', 'bridge');
    await ip('addr', 'add', '10.78.0.1/24', 'dev', link);
    await ip('link', 'set', link, 'up');
    for (const machine of [second, third]) await machine.plugIn();
    first = await RealCluster.watched('n-srv1');
  });
  afterAll(async () => {
    // In this order the last member is never left without a majority.
    for (const machine of [third, second]) await machine.dispose();
    await first.purge();
    await ip('link', 'del', link);
  });

  it('begins with one whose state is in etcd', async () => {
    const alone = await first.run('up', '--etcd', '--no-demo');
    expect(alone.stderr).toContain('--etcd --advertise ADDRESS');
    await first.up('--etcd', '--advertise', '10.78.0.1', '--no-demo');
    expect((await first.status()).services.map(({ name, running }) => [name, running])).toEqual([
      ['etcd', true],
      ['server', true],
      ['node-node1', true],
    ]);
    const moved = await first.run('up', '--advertise', '10.78.0.9');
    expect(moved.stderr).toContain('other servers know this machine as 10.78.0.1');
  });

  it('grows by a command that it prints, which nobody without its key can use', async () => {
    const node = JSON.parse(await first.ok('token create', '-o', 'json')) as Record<string, string>;
    const { server = '', token = '', caHash = '' } = node;
    const asServer = ['--token', token, '--ca-hash', caHash, '--name', 'two', '--server'];
    expect((await second.cluster.run('join', server, ...asServer)).stderr).toContain('token create --server');
    expect((await second.cluster.run('join', server, ...asServer, '--key', 'x'.repeat(43))).code).not.toBe(0);
    for (const [machine, name] of [
      [second, 'two'],
      [third, 'three'],
    ] as const) {
      const made = JSON.parse(await first.ok('token create', '--server', '-o', 'json')) as Record<string, string>;
      expect(made['command']).toContain(`--server --key ${made['serverKey']}`);
      const words = (made['command'] ?? '').split(' ').slice(2);
      const flags = words.filter((word, i) => word !== '--cluster' && words[i - 1] !== '--cluster');
      await machine.cluster.ok('join', ...flags, '--name', name);
    }
    await untilServers(first, ['10.78.0.2', '10.78.0.3', (await first.layout()).network.hostAddress]);
    expect(Object.keys(await nodePlaces(second.cluster)).sort()).toEqual(['node1', 'three', 'two']);
    const { items } = await third.cluster.object<{ items: Lease[] }>(
      'leases',
      '-n',
      'kube-system',
      '-l',
      'apiserver.kubernetes.io/identity=kube-apiserver',
    );
    expect(items).toHaveLength(3);
  });

  it('is one cluster: pods of all machines reach each other, whoever was asked for them', async () => {
    await runOnEveryNode(second.cluster);
    expect((await webPods(third.cluster)).map(({ node }) => node)).toEqual(['node1', 'three', 'two']);
    await expectAllReachAll(third.cluster);
  });

  it('goes on when a server and its etcd are killed: the node beside them asks another server', async () => {
    await kill(first, 'server', 'etcd');
    // Its member may have been the leader: for a moment nobody takes writes.
    await eventually(realClock, { what: 'a write', timeoutMs: 60_000 }, () =>
      second.cluster.kubectl('create', 'configmap', 'meanwhile', '--from-literal=by=two'),
    );
    await untilServers(third.cluster, ['10.78.0.2', '10.78.0.3']);
    await third.cluster.kubectl('rollout', 'restart', 'daemonset', 'web');
    await third.cluster.kubectl('rollout', 'status', 'daemonset', 'web', '--timeout=240s');
    await third.cluster.kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s');
    await first.up('--no-demo');
    expect(await first.kubectl('get', 'configmap', 'meanwhile', '-o', 'jsonpath={.data.by}')).toBe('two');
  });

  it('lets a server leave: the others count on it no more', async () => {
    await third.cluster.ok('leave');
    await untilServers(first, ['10.78.0.2', (await first.layout()).network.hostAddress]);
    await first.kubectl('delete', 'node', 'three');
    await first.kubectl('create', 'configmap', 'after', '--from-literal=a=b');
    expect((await third.cluster.run('status')).stderr).toContain('there is no cluster');
  });
});
