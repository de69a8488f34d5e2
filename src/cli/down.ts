import { Command } from 'commander';
import { findCluster } from '../cluster/cluster-identity.ts';
import { down } from '../cluster/down.ts';
import { Steps } from '../cluster/steps.ts';
import { withCluster } from './cli.ts';
import { homeOf, type Surroundings } from './surroundings.ts';
import { requireRoot } from './up.ts';

/** `knarr down`: ends a cluster; with `--purge` also its state. */
export function downCommand(at: Surroundings): Command {
  return withCluster(new Command('down'))
    .description('stop a cluster; nothing of it keeps running')
    .option('--purge', 'remove its state, too', false)
    .action(async ({ cluster, purge }: { cluster: string; purge: boolean }) => {
      requireRoot();
      const layout = await findCluster(homeOf(at), cluster);
      if (!layout) {
        at.stdout.write(`there is no cluster "${cluster}" on this machine\n`);
        return;
      }
      await down({ ...at, log: at.log.child({ cluster }), steps: new Steps(at.clock, at.stdout) }, layout, { purge });
    });
}
