import { rm } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { purgeContainerd } from '../cri/containerd-process.ts';
import type { RunCommand } from '../host/command.ts';
import { listClusters } from './cluster-identity.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { localNodes } from './local-nodes.ts';
import { unmountBelow } from '../cri/mounts.ts';
import type { Steps } from './steps.ts';
import { stopService } from './supervisor.ts';
import { virtualNetwork } from './up.ts';

interface DownDeps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
  steps: Steps;
}

/** Ends everything of a cluster that runs; its state stays, unless purged, and `up` brings the same cluster back. */
export async function down(deps: DownDeps, layout: ClusterLayout, options: { purge: boolean }): Promise<void> {
  const { steps, clock } = deps;
  const names = await localNodes(layout);
  for (const name of names) {
    await steps.run(`node ${name}: stopped`, async () => {
      await stopService(layout, `node-${name}`, clock);
      await purgeContainerd(
        { dir: `${nodeDir(layout, name)}/containerd`, cgroup: `/knarr-${layout.name}/${name}` },
        deps,
      );
      await unmountBelow(nodeDir(layout, name));
    });
  }
  await steps.run('server: stopped', () => stopService(layout, 'server', clock));
  await steps.run('network: removed', () => virtualNetwork(deps, layout).down());
  if (!options.purge) return;
  await steps.run('state: removed', async () => {
    await rm(layout.dir, { recursive: true, force: true });
    if ((await listClusters(layout.home)).length === 0) await rm(layout.home, { recursive: true, force: true });
  });
}
