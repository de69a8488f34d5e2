import { Command } from 'commander';
import { findCluster } from '../cluster/cluster-identity.ts';
import { withCluster } from './cli.ts';
import { CommandFailure, homeOf, type Surroundings } from './surroundings.ts';

/** `knarr server`: the control plane, in the foreground. `up` runs it under supervision. */
export function serverCommand(at: Surroundings): Command {
  return withCluster(new Command('server'))
    .description('run the control plane of a cluster in the foreground (up does it for you)')
    .action(async ({ cluster }: { cluster: string }) => {
      const layout = await findCluster(homeOf(at), cluster);
      if (!layout) throw new CommandFailure(`there is no cluster "${cluster}" on this machine; knarr up makes one`);
      const { startServer } = await import('../cluster/server/server-process.ts');
      const log = at.log.child({ cluster });
      const onFatal = (error: unknown) => {
        log.error({ err: error }, 'the journal failed: nothing more may be acknowledged');
        at.exit(70);
      };
      const server = await startServer({ clock: at.clock, rng: at.rng, log, onFatal }, layout);
      log.info({ port: server.port }, 'serving');
      await new Promise<void>((resolve) => at.onStopSignal(resolve));
      await server.stop();
      at.exit(0);
    });
}
