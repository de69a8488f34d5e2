import { Command } from 'commander';
import { Steps } from '../cluster/steps.ts';
import { up } from '../cluster/up.ts';
import { withCluster } from './cli.ts';
import { CommandFailure, homeOf, rootOf, type Surroundings } from './surroundings.ts';

/** `knarr up`: from nothing, or from whatever is there, to a running cluster. */
export function upCommand(at: Surroundings): Command {
  return withCluster(new Command('up'))
    .description('start a cluster on this machine; installs what is missing')
    .option('--no-demo', 'do not run the demo workload')
    .action(async ({ cluster, demo }: { cluster: string; demo: boolean }) => {
      requireRoot();
      const steps = new Steps(at.clock, at.stdout);
      const program = [process.execPath, `${rootOf(at)}/dist/knarr.js`];
      const log = at.log.child({ cluster });
      const options = { home: homeOf(at), cluster, program, root: rootOf(at), demo };
      const layout = await up({ ...at, log, steps }, options).catch((error: unknown) => {
        throw new CommandFailure(error instanceof Error ? error.message : String(error), { cause: error });
      });
      at.stdout.write(`\nCluster ${cluster} is up after ${steps.elapsed}. Three things to try:\n`);
      at.stdout.write(`  ./knarr kubectl get pods -A -o wide\n`);
      at.stdout.write(`  ./knarr kubectl scale deployment demo --replicas 5\n`);
      at.stdout.write(`  export KUBECONFIG=${layout.kubeconfig}\n`);
    });
}

export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new CommandFailure('this needs root: it makes networks and containers');
}
