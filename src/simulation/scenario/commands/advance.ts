import { durationMs } from '../../../base/duration.ts';
import type { ScenarioCommand } from '../command.ts';

export const advance: ScenarioCommand = {
  name: 'advance',
  usage: 'advance DURATION: moves time',
  async run({ world }, { words: [by = ''] }) {
    await world.clock.advance(durationMs(by));
  },
};
