import type { ScenarioCommand } from '../command.ts';

export const snapshot: ScenarioCommand = {
  name: 'snapshot',
  usage: 'snapshot NAME: remembers the state of everything',
  async run({ world, snapshots }, { words: [name = ''] }) {
    snapshots.set(name, world.snapshot());
  },
};
