import { driven } from '../../settle.ts';
import type { ScenarioCommand } from '../command.ts';

export const node: ScenarioCommand = {
  name: 'node',
  usage: 'node stop|crash|start|remove NAME: silent, silent and empty, back, gone for good',
  async run({ world, client }, { words: [what, name = ''] }) {
    if (!world.nodes.names.includes(name)) return [`there is no node ${name}`];
    if (what === 'stop') world.nodes.stop(name);
    else if (what === 'crash') world.nodes.stop(name, { loses: true });
    else if (what === 'start') await driven(world.clock, world.nodes.start(name));
    else if (what === 'remove') await driven(world.clock, world.nodes.remove(name, client));
    else throw new Error(`node ${what}? ${node.usage}`);
  },
};
