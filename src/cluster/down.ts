import { rm } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { RunCommand } from '../host/command.ts';
import { FolderGoneError, withFolderLock } from '../host/folder-lock.ts';
import { listClusters } from './cluster-identity.ts';
import { removeContexts } from './kubeconfig/cluster-contexts.ts';
import type { ClusterLayout } from './layout.ts';
import { endContainers, localNodes, virtualNetwork } from './local-nodes.ts';
import { memberships } from './membership.ts';
import { controlPlaneServices, nodeServiceName } from './services.ts';
import { StepFailure } from './step-failure.ts';
import type { Steps } from './steps.ts';
import { supervisionOf } from './supervision.ts';

interface DownDeps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
  steps: Steps;
}

interface DownOptions {
  /** Removes the cluster's state, too. */
  purge: boolean;
  /** Takes the cluster away from systemd; without it, systemd starts it with the machine. */
  forgetUnits?: boolean;
}

/** Ends everything of a cluster that runs; its state stays, unless purged, and `up` brings the same cluster back. */
export async function down(deps: DownDeps, layout: ClusterLayout, options: DownOptions): Promise<void> {
  if (layout.joined) {
    throw new StepFailure(`this machine is one of several servers of cluster ${layout.name}`, {
      next: `./knarr leave --cluster ${layout.name} takes it out, and removes all of it`,
    });
  }
  const onWait = () => deps.steps.note(`another command is at work on cluster ${layout.name}: waiting for it`);
  try {
    await withFolderLock(layout.dir, { onWait }, async () => {
      await stopAll(deps, layout, options);
      if (options.purge) await purge(deps, layout);
    });
  } catch (error) {
    // Somebody else has purged it meanwhile.
    if (!(error instanceof FolderGoneError)) throw error;
  }
}

async function stopAll(
  deps: DownDeps,
  layout: ClusterLayout,
  { purge: isPurged, forgetUnits }: DownOptions,
): Promise<void> {
  const { steps } = deps;
  const supervision = await supervisionOf(deps, layout);
  const stopNode = (node: string) =>
    steps.run(`node ${node}: stopped`, async () => {
      await supervision.stop(nodeServiceName(node));
      await endContainers(deps, { layout, node, how: isPurged ? 'purge' : 'clear' });
    });
  await Promise.all((await localNodes(layout)).map(stopNode));
  for (const name of controlPlaneServices(layout).reverse())
    await steps.run(`${name}: stopped`, () => supervision.stop(name));
  await steps.run('network: removed', () => virtualNetwork(deps, layout).down());
  await supervision.finish({ forget: isPurged || forgetUnits === true });
}

async function purge(deps: DownDeps, layout: ClusterLayout): Promise<void> {
  const { steps } = deps;
  await steps.run(
    'kubeconfig: context removed',
    () => removeContexts(layout, deps).catch((error: Error) => [`not from all files: ${error.message}`]),
    (files) => files.join(' '),
  );
  await steps.run('state: removed', async () => {
    await rm(layout.dir, { recursive: true, force: true });
    // Nobody may make a cluster between the last look and the removal.
    await withFolderLock(layout.home, {}, async () => {
      const others = [...(await listClusters(layout.home)), ...(await memberships(layout.home))];
      if (others.length === 0) await rm(layout.home, { recursive: true, force: true });
    });
  });
}
