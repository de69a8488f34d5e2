import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { haltContainerd } from '../cri/containerd-halt.ts';
import { purgeContainerd } from '../cri/containerd-process.ts';
import { unmountBelow } from '../cri/mounts.ts';
import type { RunCommand } from '../host/command.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { VirtualNetwork } from './network/virtual-network.ts';

/** Names of the nodes that this machine has of a cluster, whether they run or not: node2 before node10. */
export async function localNodes(layout: ClusterLayout): Promise<string[]> {
  const entries = await readdir(join(layout.dir, 'nodes'), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.sort(new Intl.Collator('en', { numeric: true }).compare);
}

export const virtualNetwork = ({ run, log }: { run: RunCommand; log: Logger }, layout: ClusterLayout): VirtualNetwork =>
  new VirtualNetwork({ run, log }, { cluster: layout.name, stateFile: layout.networkFile });

interface EndDeps {
  clock: Clock;
  log: Logger;
}

/** Ends what a node's agent has left running: containers and their runtime. How they ended is kept; `purge` removes them. */
export async function endContainers(
  deps: EndDeps,
  { layout, node, purge }: { layout: ClusterLayout; node: string; purge: boolean },
): Promise<void> {
  const dir = nodeDir(layout, node);
  const runtime = { dir: `${dir}/containerd`, cgroup: `/knarr-${layout.name}/${node}` };
  await (purge ? purgeContainerd : haltContainerd)(runtime, deps);
  await unmountBelow(dir);
}
