import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeDir } from '../../src/cluster/layout.ts';
import { signal } from '../../src/host/recorded-process.ts';
import { RealCluster } from './real-cluster.ts';
import { shimSockets } from '../integration/shim-sockets.ts';

describe('knarr down', () => {
  let cluster: RealCluster;
  let index: number;
  const files = () => `file: /var/lib/knarr/${cluster.name}`;

  beforeAll(async () => {
    cluster = await RealCluster.watched('ktdown');
    await cluster.ok('up');
    index = (await cluster.layout()).index;
  });
  afterAll(() => cluster.purge(), 120_000);

  it('leaves the state and nothing else', async () => {
    expect((await cluster.leftovers(index)).filter((line) => line.startsWith('process: ')).length).toBeGreaterThan(4);
    await cluster.ok('down');
    expect((await cluster.leftovers(index)).filter((line) => !line.startsWith(files()))).toEqual([]);
    expect(await cluster.leftovers(index)).toContain(files());
  });

  it('--purge leaves nothing, also after kill -9 of everything', async () => {
    await cluster.ok('up');
    expect(readFileSync(cluster.kubeconfig, 'utf8')).toContain(cluster.name);
    // Their names do not say whose they are.
    const sockets = shimSockets(join(nodeDir(await cluster.layout(), 'node1'), 'containerd'));
    expect(sockets.filter((path) => existsSync(path)).length).toBeGreaterThan(2);
    const processes = await cluster.processes();
    for (const { pid } of processes) signal(pid, 'SIGKILL');
    const killed = processes.map(({ args }) => args.join(' ')).join(' | ');
    for (const part of ['run/server.pid', 'server --cluster', 'agent --cluster', 'containerd -c', 'containerd-shim'])
      expect(killed).toContain(part);
    // The processes in pods go on without anybody.
    expect((await cluster.leftovers(index)).filter((line) => line.includes('catatonit')).length).toBeGreaterThan(0);
    await cluster.ok('down', '--purge');
    expect(await cluster.leftovers(index)).toEqual([]);
    expect(sockets.filter((path) => existsSync(path))).toEqual([]);
    // It held nothing but this cluster.
    expect(existsSync(cluster.kubeconfig)).toBe(false);
  });
});
