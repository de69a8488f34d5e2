import { describe, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { invariants } from './invariants.ts';
import { plantedBugs } from './planted-bugs.fake.ts';
import { findingText, minimize, trySeed, tryScript } from './search.ts';

const options = { machineClock: realClock, length: 20 };

describe('seeded search', () => {
  it.each([1, 16])('seed %i breaks nothing', async (seed) => {
    const finding = await trySeed(seed, options);
    expect(finding && findingText(finding)).toBeUndefined();
  });

  it.each([1, 2])('seed %i breaks nothing when nobody takes pods away', async (seed) => {
    const finding = await trySeed(seed, { ...options, calm: true });
    expect(finding && findingText(finding)).toBeUndefined();
  });

  it.each(plantedBugs)('notices that $name', async ({ breaks, script, planted }) => {
    const violations = await tryScript(script, { ...options, planted });
    expect(violations.map(({ invariant }) => invariant)).toContain(breaks);
    expect(await tryScript(script, options)).toEqual([]);
  });

  it('finds a bug by chance and shrinks it to a script that people read', async () => {
    const { planted } = plantedBugs.find(({ name }) => name === 'the scheduler binds nothing') ?? {};
    const finding = await trySeed(2, { ...options, planted });
    if (!finding) return expect.unreachable('nothing found');
    const least = await minimize(finding, { ...options, planted });
    expect(least.steps.length).toBeLessThanOrEqual(2);
    expect(findingText(least)).toMatch(/^# seed 2\n# broken: .*\n\n(nodes|deploy|job) /s);
  }, 60_000);

  it('has a planted bug for every invariant', () => {
    const broken = new Set(plantedBugs.map(({ breaks }) => breaks));
    expect(invariants.map(({ name }) => name).filter((name) => !broken.has(name))).toEqual([]);
  });
});
