import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { runScript } from '../../src/simulation/scenario/run-script.ts';
import { parseScript, renderScript } from '../../src/simulation/scenario/script.ts';
import { World } from '../../src/simulation/world.ts';

/**
 * Each scenario file is played, and what happened is compared with what is recorded in it. `npx vitest run test/scenarios -u`
 * records anew: commit that only when you understand what changed it.
 */
describe('scenarios', () => {
  const folder = import.meta.dirname;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', ''), async () => {
      const steps = parseScript(readFileSync(join(folder, file), 'utf8'));
      const clock = new VirtualClock();
      const world = await World.start({ machineClock: realClock, log: silentLog }, { seed: 1, clock });
      const outputs = await runScript(world, steps);
      await world.stop();
      const played = steps.map((step, i) => ({ ...step, output: outputs[i] }));
      await expect(renderScript(played)).toMatchFileSnapshot(join(folder, file));
    });
  }
});
