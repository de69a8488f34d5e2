import type { ScenarioCommand } from '../command.ts';

export const reset: ScenarioCommand = {
  name: 'reset',
  usage: 'reset NAME: back to a snapshot',
  async run({ world, snapshots }, { words: [name = ''] }) {
    const found = snapshots.get(name);
    if (!found) throw new Error(`there is no snapshot ${name}`);
    await world.reset(found);
  },
};
