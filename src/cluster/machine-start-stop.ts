import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { haltContainerd } from '../cri/containerd-halt.ts';
import { unmountBelow } from '../cri/mounts.ts';
import type { RunCommand } from '../host/command.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { localNodes } from './local-nodes.ts';
import { virtualNetwork } from './up.ts';

interface Deps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
}

/** What services need of a machine that has just started: the network. Nothing when it is there. */
export async function boot(deps: Deps, layout: ClusterLayout): Promise<void> {
  await virtualNetwork(deps, layout).up({ index: layout.index, nodes: await localNodes(layout) });
}

/** What is left when the services have ended, because the machine stops: containers, their runtimes, the network. */
export async function halt(deps: Deps, layout: ClusterLayout): Promise<void> {
  for (const name of await localNodes(layout)) {
    const dir = nodeDir(layout, name);
    await haltContainerd({ dir: `${dir}/containerd`, cgroup: `/knarr-${layout.name}/${name}` }, deps);
    await unmountBelow(dir);
  }
  await virtualNetwork(deps, layout).down();
}
