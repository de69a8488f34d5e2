import { Command } from 'commander';
import { joinCluster } from '../cluster/join.ts';
import { memberLayout, readMembership } from '../cluster/membership.ts';
import { nodeServiceName } from '../cluster/services.ts';
import { install } from '../cluster/systemd/install.ts';
import { baseUnit } from '../cluster/systemd/units.ts';
import { up } from '../cluster/up.ts';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { homeOf, printJson, programOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

/** `knarr install`: systemd keeps the cluster running, and starts it with the machine. */
export function installCommand(at: Surroundings): Command {
  const command = new Command('install')
    .description('have systemd run a cluster, and start it with the machine; makes it when it is not there')
    .option('--demo', 'run the demo workload; a new cluster has it unless told')
    .option('--no-demo', 'do not run the demo workload')
    .action(async ({ cluster, demo, output }: { cluster: string; demo?: boolean; output: OutputFormat }) => {
      requireRoot();
      const steps = stepsFor(at, output);
      const program = await programOf(at);
      const options = { home: homeOf(at), cluster, program };
      await install({ ...at, steps }, options);
      const deps = { ...at, log: at.log.child({ cluster }), steps };
      const member = await readMembership(memberLayout(options.home, cluster));
      const server = member
        ? (await joinCluster(deps, { ...options, name: member.node })).server
        : (await up(deps, { ...options, demo, userKubeconfig: undefined })).layout.apiUrl;
      const unit = baseUnit(cluster);
      if (output === 'json') return printJson(at, { cluster, unit, server, seconds: steps.seconds });
      const flag = cluster === 'knarr' ? '' : ` --cluster ${cluster}`;
      const of = member ? `What this machine is to ${server}` : `Cluster ${cluster}`;
      at.stdout.write(`\n${of} is systemd's now. Three things to try:\n`);
      at.stdout.write(`  systemctl status '*@${cluster}.service'\n`);
      at.stdout.write(`  journalctl -f -u knarr-${member ? nodeServiceName(member.node) : 'server'}@${cluster}\n`);
      at.stdout.write(`  ./knarr uninstall${flag}      stops it and takes the units away; its state stays\n`);
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['./knarr install', './knarr install --cluster two --no-demo'],
    exits: ['newer'],
  });
}
