import type { Fault } from '../../faults.ts';
import type { ScenarioCommand } from '../command.ts';

export const fault: ScenarioCommand = {
  name: 'fault',
  usage:
    'fault fail=REASON [afterwards=yes] | slow=DURATION | loseWatch=broken|expired | stale=DURATION, [client=…] [verb=…] [resource=…] [chance=0.1] [times=3]; fault none: no more',
  async run({ world }, { words: [word], options }) {
    if (word === 'none') return world.faults.stopAll();
    const { chance, times, afterwards, ...rest } = options;
    const numbers = { ...(chance ? { chance: Number(chance) } : {}), ...(times ? { times: Number(times) } : {}) };
    world.faults.inject({ ...rest, ...numbers, ...(afterwards ? { afterwards: true } : {}) } as unknown as Fault);
  },
};
