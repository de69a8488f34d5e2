import { readdir, readFile } from 'node:fs/promises';
import { unmountBelow } from '../../src/cri/mounts.ts';
import { removeCgroups } from '../../src/cri/remove-cgroups.ts';
import { realClock } from '../../src/base/clock.ts';
import { commandLine, settled, signal } from '../../src/host/recorded-process.ts';
import { type RealCluster, runToEnd } from './real-cluster.ts';

/**
 * What a power cut takes away of a cluster: every process, at once, network namespaces with their links, nftables tables,
 * mounts and cgroups. What is on the disk stays, half-written or not.
 */
export async function powerOff(cluster: RealCluster): Promise<void> {
  const pids = await processesOf(cluster);
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
  await removeCgroups(`/knarr-${cluster.name}`, realClock);
}

/** Supervisors, server, agents, runtimes with their shims, and whatever is in a container. */
async function processesOf({ name, dir }: RealCluster): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)) {
    if (pid === process.pid) continue;
    const args = (await commandLine(pid)).join(' ');
    const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    const isOurs =
      args.includes(`${dir}/`) || args.includes(`--cluster ${name} `) || args.endsWith(`--cluster ${name}`);
    if (args !== '' && (isOurs || cgroup.includes(`/knarr-${name}/`))) found.push(pid);
  }
  return found;
}
