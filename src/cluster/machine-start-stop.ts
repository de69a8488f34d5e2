import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { haltContainerd } from '../cri/containerd-halt.ts';
import { unmountBelow } from '../cri/mounts.ts';
import type { RunCommand } from '../host/command.ts';
import type { ClusterLayout } from './layout.ts';
import { endContainers, localNodes, virtualNetwork } from './local-nodes.ts';
import { type MemberLayout, memberRuntime, type Membership } from './membership.ts';

interface Deps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
}

/** What services need of a machine that has just started: the network. Nothing when it is there. */
export async function boot(deps: Deps, layout: ClusterLayout): Promise<void> {
  await virtualNetwork(deps, layout).up({ index: layout.index, nodes: await localNodes(layout), cutOff: [] });
}

/** What is left when the services have ended, because the machine stops: containers, their runtimes, the network. */
export async function halt(deps: Deps, layout: ClusterLayout): Promise<void> {
  const names = await localNodes(layout);
  await Promise.all(names.map((node) => endContainers(deps, { layout, node, how: 'halt' })));
  await virtualNetwork(deps, layout).down();
}

/** The same for a machine that is a node: its network is the machine's own. */
export async function haltMember(deps: Deps, layout: MemberLayout, member: Membership): Promise<void> {
  await haltContainerd(memberRuntime(layout, member), deps);
  await unmountBelow(layout.nodeDir);
}
