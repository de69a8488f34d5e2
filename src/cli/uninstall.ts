import { Command } from 'commander';
import { down } from '../cluster/down.ts';
import { memberLayout, readMembership } from '../cluster/membership.ts';
import { takeFromSystemd } from '../cluster/systemd/install.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, homeOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

/** `knarr uninstall`: stops a cluster and takes its systemd units away. */
export function uninstallCommand(at: Surroundings): Command {
  const command = new Command('uninstall')
    .description('stop a cluster and take its systemd units away; up, or join, brings the same back without them')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      const deps = { ...at, log: at.log.child({ cluster }), steps: stepsFor(at, 'text') };
      const member = memberLayout(homeOf(at), cluster);
      const membership = await readMembership(member);
      if (membership) return takeFromSystemd(deps, member, membership);
      await down(deps, await existingCluster(at, cluster), { purge: false, forgetUnits: true });
    });
  return documented(withCluster(command), { examples: ['./knarr uninstall'], exits: ['noCluster', 'newer'] });
}
