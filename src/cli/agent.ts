import { Command } from 'commander';
import { NewerFormatError } from '../cluster/folder-format.ts';
import { startLogRotation } from '../cluster/log-rotation.ts';
import { notifyReady } from './notify.ts';
import { documented, withCluster } from './options.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';

interface AgentFlags {
  cluster: string;
  server: string;
  token?: string;
  tokenFile?: string;
  caHash: string;
  name: string;
  dir: string;
  address: string;
  imageCache?: string;
}

/** `knarr agent`: the agent of one node, in the foreground, in whatever network namespace it is started in. */
export function agentCommand(at: Surroundings): Command {
  const command = new Command('agent')
    .description('run the agent of one node in the foreground (up does it for you)')
    .requiredOption('--server <url>', 'address of the API server')
    .option('--token <token>', 'join token; only needed until the node has its certificate')
    .option('--token-file <file>', 'file with the join token')
    .requiredOption('--ca-hash <hash>', 'sha256:… of the cluster CA')
    .requiredOption('--name <name>', 'name of the node')
    .requiredOption('--dir <dir>', 'folder of the node')
    .requiredOption('--address <ip>', "the node's address")
    .option('--image-cache <dir>', 'where built images are kept; default: in the folder of the node')
    .action((flags: AgentFlags) => runAgent(at, flags));
  return documented(withCluster(command), {
    examples: [
      './knarr agent --server https://172.30.0.254:6443 --token-file token --ca-hash sha256:… --name n2 --dir /var/lib/n2 --address 172.30.0.12',
    ],
    exits: ['newer'],
  });
}

async function runAgent(at: Surroundings, flags: AgentFlags): Promise<void> {
  const { startNode } = await import('../cluster/node/node-process.ts');
  const log = at.log.child({ cluster: flags.cluster, node: flags.name });
  const node = await startNode({ clock: at.clock, rng: at.rng, log, run: at.run }, flags).catch((error: unknown) => {
    log.error({ err: error }, 'the node could not start');
    if (error instanceof NewerFormatError) throw error;
    throw new CommandFailure(error instanceof Error ? error.message : String(error), { cause: error });
  });
  startLogRotation({ clock: at.clock, log }, at.env.KNARR_LOG_FILE ? [at.env.KNARR_LOG_FILE] : []);
  log.info({ server: flags.server, version: at.version }, 'node agent runs');
  await notifyReady(at, `node ${flags.name} of ${flags.server}`);
  await new Promise<void>((resolve) => at.onStopSignal(resolve));
  await node.stop();
  at.exit(0);
}
