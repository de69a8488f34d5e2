import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { type ContainerdPaths, containerdPaths } from '../cri/containerd-config.ts';
import { haltContainerd } from '../cri/containerd-halt.ts';
import { purgeContainerd } from '../cri/containerd-process.ts';
import { unmountBelow } from '../cri/mounts.ts';
import type { RunCommand } from '../host/command.ts';
import { type ClusterLayout, nodeCgroup, nodeDir } from './layout.ts';
import { VirtualNetwork } from './network/virtual-network.ts';
import { nodeServiceName } from './services.ts';
import type { Supervision } from './supervision.ts';

/** Names of the nodes that this machine has of a cluster, whether they run or not: node2 before node10. */
export async function localNodes(layout: ClusterLayout): Promise<string[]> {
  const entries = await readdir(join(layout.dir, 'nodes'), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.sort(new Intl.Collator('en', { numeric: true }).compare);
}

export const virtualNetwork = ({ run, log }: { run: RunCommand; log: Logger }, layout: ClusterLayout): VirtualNetwork =>
  new VirtualNetwork({ run, log }, { cluster: layout.name, stateFile: layout.networkFile });

export const runtimePaths = (layout: ClusterLayout, node: string): ContainerdPaths =>
  containerdPaths(`${nodeDir(layout, node)}/containerd`);

/** Where the container runtimes of the nodes that run are spoken to. */
export async function runningRuntimes(
  supervision: Supervision,
  layout: ClusterLayout,
): Promise<{ node: string; socketPath: string }[]> {
  const found: { node: string; socketPath: string }[] = [];
  for (const node of await localNodes(layout)) {
    const { running } = await supervision.status(nodeServiceName(node));
    if (running) found.push({ node, socketPath: runtimePaths(layout, node).socket });
  }
  return found;
}

interface EndDeps {
  clock: Clock;
  log: Logger;
}

/**
 * Ends what a node's agent has left running: containers and their runtime. `halt` keeps how they ended, for the runtime that is
 * started again; `clear` removes them and keeps images; `purge` removes everything.
 */
export async function endContainers(
  deps: EndDeps,
  { layout, node, how }: { layout: ClusterLayout; node: string; how: 'halt' | 'clear' | 'purge' },
): Promise<void> {
  const dir = nodeDir(layout, node);
  const runtime = { dir: runtimePaths(layout, node).dir, cgroup: nodeCgroup(layout.name, node) };
  if (how === 'halt') await haltContainerd(runtime, deps);
  else await purgeContainerd({ ...runtime, keepImages: how === 'clear' }, deps);
  await unmountBelow(dir);
}
