import { Command } from 'commander';
import { up } from '../cluster/up.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, homeOf, programOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
  drain: boolean;
}

/** `knarr upgrade`: the server first, then each node, emptied before. */
export function upgradeCommand(at: Surroundings): Command {
  const command = new Command('upgrade')
    .description('replace an older build: the server, then node by node, whose pods are moved away before')
    .option('--no-drain', 'leave pods where they are: containers run on while an agent is replaced')
    .action(async ({ cluster, drain }: Flags) => {
      requireRoot();
      const { name } = await existingCluster(at, cluster);
      const steps = stepsFor(at, 'text');
      const options = { home: homeOf(at), cluster: name, program: await programOf(at), demo: false, drain };
      const { was } = await up(
        { ...at, log: at.log.child({ cluster }), steps },
        { ...options, userKubeconfig: undefined },
      );
      at.stdout.write(
        was === 'running' ? `\nAll of it is knarr ${at.version} already.\n` : `\nUpgraded to knarr ${at.version}.\n`,
      );
    });
  return documented(withCluster(command), {
    examples: ['./knarr upgrade', './knarr upgrade --no-drain'],
    exits: ['noCluster', 'newer'],
  });
}
