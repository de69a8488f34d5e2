import { Command } from 'commander';
import { boot, halt } from '../cluster/machine-start-stop.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, requireRoot, type Surroundings } from './surroundings.ts';

/** `knarr boot`: the systemd unit of a cluster runs it when the machine starts. */
export function bootCommand(at: Surroundings): Command {
  const command = new Command('boot')
    .description('make the network of a cluster (its systemd unit does it when the machine starts)')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      await boot({ ...at, log: at.log.child({ cluster }) }, await existingCluster(at, cluster));
    });
  return documented(withCluster(command), { examples: ['./knarr boot'], exits: ['noCluster', 'newer'] });
}

/** `knarr halt`: the systemd unit of a cluster runs it when the machine stops. */
export function haltCommand(at: Surroundings): Command {
  const command = new Command('halt')
    .description('end containers and network of a cluster (its systemd unit does it when the machine stops)')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      await halt({ ...at, log: at.log.child({ cluster }) }, await existingCluster(at, cluster));
    });
  return documented(withCluster(command), { examples: ['./knarr halt'], exits: ['noCluster', 'newer'] });
}
