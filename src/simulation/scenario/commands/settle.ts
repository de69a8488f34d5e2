import { durationMs } from '../../../base/duration.ts';
import { settle } from '../../settle.ts';
import type { ScenarioCommand } from '../command.ts';

export const settleCommand: ScenarioCommand = {
  name: 'settle',
  usage: 'settle [within=30s] [limit=1h]: moves time until nothing is left to do',
  async run({ world }, { options: { within = '30s', limit = '1h' } }) {
    const isSettled = await settle(world.clock, { withinMs: durationMs(within), limitMs: durationMs(limit) });
    return isSettled ? [] : [`did not settle within ${limit}`];
  },
};
