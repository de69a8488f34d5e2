import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { connectContainerd } from './containerd-client.ts';
import { containerdPaths } from './containerd-config.ts';
import { stopContainerd } from './containerd-process.ts';
import { removeShims } from './containerd-purge.ts';
import type { Cri } from './cri.ts';
import { removeCgroups } from './remove-cgroups.ts';

interface Deps {
  clock: Clock;
  log: Logger;
}

/** How long a container may take to end by itself when the machine stops. */
const graceSeconds = 10;

/**
 * Ends every process of this folder's containers and runtime, and keeps what they have written, images, and how each
 * container ended: who starts the runtime again finds stopped containers, as after any restart of the machine.
 */
export async function haltContainerd({ dir, cgroup }: { dir: string; cgroup: string }, deps: Deps): Promise<void> {
  const { socket } = containerdPaths(dir);
  const cri = connectContainerd(socket, deps);
  try {
    await endContainers(cri, deps.log);
  } catch (error) {
    deps.log.warn({ error: String(error) }, 'the runtime does not answer: its containers are killed');
  } finally {
    cri.close();
  }
  await stopContainerd({ dir }, deps);
  await removeCgroups(cgroup, deps.clock);
  await removeShims(socket, deps.clock, 0);
}

async function endContainers(cri: Cri, log: Logger): Promise<void> {
  const { containers = [] } = await cri.runtime.ListContainers({ filter: { state: { state: 'CONTAINER_RUNNING' } } });
  const stops = containers.map(({ id }) =>
    cri.runtime.StopContainer({ containerId: id as string, timeout: graceSeconds }),
  );
  for (const stop of await Promise.allSettled(stops)) {
    if (stop.status === 'rejected') log.warn({ error: String(stop.reason) }, 'a container did not end');
  }
  const { items = [] } = await cri.runtime.ListPodSandbox({ filter: { state: { state: 'SANDBOX_READY' } } });
  await Promise.allSettled(items.map(({ id }) => cri.runtime.StopPodSandbox({ podSandboxId: id as string })));
}
