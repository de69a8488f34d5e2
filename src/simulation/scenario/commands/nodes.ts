import { driven } from '../../settle.ts';
import type { ScenarioCommand } from '../command.ts';

export const nodes: ScenarioCommand = {
  name: 'nodes',
  usage: 'nodes COUNT [cpu=4] [memory=8Gi] [pods=10] [LABEL=VALUE …]: adds hollow nodes',
  async run({ world }, { words: [count = '1'], options }) {
    const { cpu, memory, pods, ...labels } = options;
    const capacity = Object.fromEntries(Object.entries({ cpu, memory, pods }).filter(([, value]) => value)) as Record<
      string,
      string
    >;
    await driven(world.clock, world.nodes.add(Number(count), { capacity, labels }));
  },
};
