import { Command, InvalidArgumentError, Option } from 'commander';
import { runningRuntimes } from '../cluster/local-nodes.ts';
import { offerSimulatedGpus } from '../cluster/simulated-gpus.ts';
import { supervisionOf } from '../cluster/supervision.ts';
import { documented, withCluster } from './options.ts';
import { CommandFailure, existingCluster, requireRoot, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
  count: number;
  resource: string;
  node?: string[];
}

/** `knarr simulate-gpus`: a device plugin for GPUs that no machine has, while it runs. */
export function simulateGpusCommand(at: Surroundings, finish: (code: number) => void): Command {
  const count = new Option('--count <number>', 'GPUs of each node').argParser(countOf).default(4);
  const command = new Command('simulate-gpus')
    .description('offer GPUs that are not there on the nodes of this machine, until it is stopped')
    .addOption(count)
    .option('--resource <name>', 'what pods ask for', 'nvidia.com/gpu')
    .option('--node <name...>', 'only on these nodes')
    .action(async ({ cluster, node, ...offer }: Flags) => {
      requireRoot();
      const layout = await existingCluster(at, cluster);
      const running = (await runningRuntimes(await supervisionOf(at, layout), layout)).map((runtime) => runtime.node);
      const unknown = node?.find((name) => !running.includes(name));
      if (unknown) throw new CommandFailure(`no node ${unknown} of cluster ${cluster} runs on this machine`);
      const nodes = node ?? running;
      const plugins = await offerSimulatedGpus(at, layout, { ...offer, nodes });
      at.stdout.write(`${offer.count} simulated ${offer.resource} on each of ${nodes.join(', ')}\n`);
      await new Promise<void>((resolve) => at.onStopSignal(resolve));
      plugins.stop();
      finish(0);
    });
  return documented(withCluster(command), {
    examples: ['./knarr simulate-gpus --count 8', './knarr simulate-gpus --resource amd.com/gpu --node node2'],
    exits: ['noCluster'],
  });
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('1 to 9999 GPUs');
}
