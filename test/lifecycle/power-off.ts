import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unmountBelow } from '../../src/cri/mounts.ts';
import { removeCgroups } from '../../src/cri/remove-cgroups.ts';
import { realClock } from '../../src/base/clock.ts';
import { settled, signal } from '../../src/host/recorded-process.ts';
import { shimSockets } from '../integration/shim-sockets.ts';
import { containerProcesses, type RealCluster, runToEnd } from './real-cluster.ts';

/**
 * What a power cut takes away of a cluster: every process, at once, network namespaces with their links, nftables tables,
 * mounts, cgroups and sockets in /run. What is on the disk stays, half-written or not.
 */
export async function powerOff(cluster: RealCluster): Promise<void> {
  const pids = await processesOf(cluster);
  const nodes = readdirSync(join(cluster.dir, 'nodes'));
  const sockets = nodes.flatMap((node) => shimSockets(join(cluster.dir, 'nodes', node, 'containerd')));
  // None may start another: all are stopped before the first is killed.
  for (const name of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) signal(pid, name);
  const gone = await settled(realClock, 10_000, async () => (await processesOf(cluster)).length === 0);
  if (!gone) throw new Error(`processes of ${cluster.name} survive: ${(await processesOf(cluster)).join(' ')}`);
  const { stdout } = await runToEnd(['ip', 'netns', 'list']);
  for (const [name] of stdout.matchAll(new RegExp(`^kn-${cluster.name}-\\S+`, 'gm'))) {
    await runToEnd(['ip', 'netns', 'del', name]);
  }
  await runToEnd(['nft', 'delete', 'table', 'inet', `knarr-${cluster.name}`]);
  await unmountBelow(cluster.dir);
  // /run is in memory.
  for (const socket of sockets) rmSync(socket, { force: true });
  await removeCgroups(`/knarr-${cluster.name}`, realClock);
}

/** Supervisors, server, agents, runtimes with their shims, and whatever is in a container. */
async function processesOf(cluster: RealCluster): Promise<number[]> {
  const outside = (await cluster.processes()).map(({ pid }) => pid);
  const inside = (await containerProcesses(cluster.name)).map((line) => Number(line.split(' ')[0]));
  return [...new Set([...outside, ...inside])];
}
