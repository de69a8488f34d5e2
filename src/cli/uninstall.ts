import { Command } from 'commander';
import { down } from '../cluster/down.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

/** `knarr uninstall`: stops a cluster and takes its systemd units away. */
export function uninstallCommand(at: Surroundings): Command {
  const command = new Command('uninstall')
    .description('stop a cluster and take its systemd units away; up brings the same cluster back without them')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      const layout = await existingCluster(at, cluster);
      const steps = stepsFor(at, 'text');
      await down({ ...at, log: at.log.child({ cluster }), steps }, layout, { purge: false, forgetUnits: true });
    });
  return documented(withCluster(command), { examples: ['./knarr uninstall'], exits: ['noCluster', 'newer'] });
}
