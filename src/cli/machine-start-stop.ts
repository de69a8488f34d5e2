import { Command } from 'commander';
import { boot, halt, haltMember } from '../cluster/machine-start-stop.ts';
import { memberLayout, type Membership, readMembership } from '../cluster/membership.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, homeOf, requireRoot, type Surroundings } from './surroundings.ts';

/** `knarr boot`: the systemd unit of a cluster runs it when the machine starts. */
export function bootCommand(at: Surroundings): Command {
  const command = new Command('boot')
    .description('make the network of a cluster (its systemd unit does it when the machine starts)')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      if (await memberOf(at, cluster)) return;
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
      const deps = { ...at, log: at.log.child({ cluster }) };
      const member = await memberOf(at, cluster);
      if (member) await haltMember(deps, memberLayout(homeOf(at), cluster), member);
      else await halt(deps, await existingCluster(at, cluster));
    });
  return documented(withCluster(command), { examples: ['./knarr halt'], exits: ['noCluster', 'newer'] });
}

/** What this machine is to the cluster, if it has joined it. */
const memberOf = (at: Surroundings, cluster: string): Promise<Membership | undefined> =>
  readMembership(memberLayout(homeOf(at), cluster));
