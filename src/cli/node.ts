import { Command } from 'commander';
import { changeNode, type NodeChange } from '../cluster/node-changes.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, programOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

const verbs: Record<NodeChange, string> = {
  add: 'start one more node',
  remove: 'end a node and forget it; its pods are made again elsewhere where something wants them',
  stop: 'end a node as a power cut would; the cluster must find out by itself',
  start: 'start a stopped node again: same address, same pods',
  partition: "take a node's link down; everything on it runs on",
  heal: "take a node's link up again",
};

/** `knarr node VERB NAME`: the nodes of this machine. */
export function nodeCommand(at: Surroundings): Command {
  const command = new Command('node').description('nodes of this machine: add, remove, stop, start, partition, heal');
  for (const [verb, description] of Object.entries(verbs)) {
    command.addCommand(changeCommand(at, verb as NodeChange, description));
  }
  return command;
}

function changeCommand(at: Surroundings, verb: NodeChange, description: string): Command {
  const command = new Command(verb)
    .description(description)
    .argument('<name>', 'name of the node')
    .action(async (node: string, { cluster }: { cluster: string }) => {
      requireRoot();
      const layout = await existingCluster(at, cluster);
      const steps = stepsFor(at, 'text');
      await changeNode({ ...at, log: at.log.child({ cluster }), steps }, verb, {
        layout,
        node,
        program: await programOf(at),
      });
    });
  return documented(withCluster(command), { examples: [`./knarr node ${verb} node2`], exits: ['noCluster'] });
}
