import { Command } from 'commander';
import { findCluster } from '../cluster/cluster-identity.ts';
import { down } from '../cluster/down.ts';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { homeOf, printJson, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
  purge: boolean;
  output: OutputFormat;
}

/** `knarr down`: ends a cluster; with `--purge` also its state. */
export function downCommand(at: Surroundings): Command {
  const command = new Command('down')
    .description('stop a cluster; nothing of it keeps running, and up brings the same one back')
    .option('--purge', "remove its state, too, and its context from the user's kubeconfig", false)
    .action(async ({ cluster, purge, output }: Flags) => {
      requireRoot();
      const layout = await findCluster(homeOf(at), cluster);
      const steps = stepsFor(at, output);
      if (layout) await down({ ...at, log: at.log.child({ cluster }), steps }, layout, { purge });
      else if (output === 'text') at.stdout.write(`there is no cluster "${cluster}" on this machine\n`);
      const { seconds, records } = steps;
      if (output === 'json')
        printJson(at, { cluster, existed: layout !== undefined, purged: purge, seconds, steps: records });
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['./knarr down', './knarr down --purge --cluster two'],
    exits: ['newer'],
  });
}
