import { Command } from 'commander';
import { startLogRotation } from '../cluster/log-rotation.ts';
import { documented, withCluster } from './options.ts';
import { CommandFailure, existingCluster, type Surroundings } from './surroundings.ts';

/** `knarr server`: the control plane, in the foreground. `up` runs it under supervision. */
export function serverCommand(at: Surroundings): Command {
  const command = new Command('server')
    .description('run the control plane of a cluster in the foreground (up does it for you)')
    .action(({ cluster }: { cluster: string }) => runServer(at, cluster));
  return documented(withCluster(command), {
    examples: ['./knarr server --cluster two'],
    exits: ['noCluster', 'newer'],
  });
}

async function runServer(at: Surroundings, cluster: string): Promise<void> {
  const layout = await existingCluster(at, cluster);
  const { startServer } = await import('../cluster/server/server-process.ts');
  const log = at.log.child({ cluster });
  const onFatal = (error: unknown) => {
    log.error({ err: error }, 'the journal failed: nothing more may be acknowledged');
    at.exit(70);
  };
  const server = await startServer({ clock: at.clock, rng: at.rng, log, onFatal }, layout).catch((error: unknown) => {
    log.error({ err: error }, 'the server could not start');
    throw new CommandFailure(error instanceof Error ? error.message : String(error), { cause: error });
  });
  startLogRotation({ clock: at.clock, log }, at.env.KNARR_LOG_FILE ? [at.env.KNARR_LOG_FILE] : []);
  log.info({ port: server.port, version: at.version }, 'serving');
  await new Promise<void>((resolve) => at.onStopSignal(resolve));
  await server.stop();
  at.exit(0);
}
