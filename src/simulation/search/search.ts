import type { Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { runScript } from '../scenario/run-script.ts';
import { renderScript, type Step } from '../scenario/script.ts';
import { rngFor } from '../seed.ts';
import { World, type WorldOptions } from '../world.ts';
import { generateScript, rest } from './generate.ts';
import type { Invariant } from './invariant.ts';
import { invariants as allInvariants } from './invariants.ts';
import { ChangeChecks, observe, type Violation } from './observe.ts';
import { shrink } from './shrink.ts';

export interface SearchOptions {
  machineClock: Clock;
  /** Steps of a generated script. */
  length: number;
  invariants?: readonly Invariant[];
  /** Nothing happens that takes pods away: what is promised of rollouts can be held against what is seen. */
  calm?: boolean;
  /** A world with a bug, to see that it is found. */
  planted?: Partial<Pick<WorldOptions, 'wrap' | 'schedulerPlugins'>> & { sabotage?(world: World): void };
}

/** A script that breaks an invariant. */
export interface Finding {
  seed: number;
  steps: Step[];
  violations: Violation[];
}

/** Plays the script of a seed; answers with what it broke, if anything. */
export async function trySeed(seed: number, options: SearchOptions): Promise<Finding | undefined> {
  const steps = generateScript(rngFor(seed, 'script'), options);
  const violations = await violationsOf(seed, steps, options);
  return violations.length > 0 ? { seed, steps, violations } : undefined;
}

/** Plays a script as it stands; answers with what it broke. */
export const tryScript = (lines: readonly string[], options: SearchOptions): Promise<Violation[]> =>
  violationsOf(
    1,
    lines.map((line) => ({ comments: [], line, body: '' })),
    options,
  );

/** The shortest script found that breaks the same invariant. */
export async function minimize({ seed, steps, violations }: Finding, options: SearchOptions): Promise<Finding> {
  const name = violations[0]?.invariant;
  let last = violations;
  const least = await shrink(steps, async (fewer) => {
    const found = await violationsOf(seed, fewer, options);
    const isSame = found.some(({ invariant }) => invariant === name);
    if (isSame) last = found;
    return isSame;
  });
  return { seed, steps: least, violations: last };
}

/** A finding as a scenario that people read and that can be kept as one. */
export function findingText({ seed, steps, violations }: Finding): string {
  const what = violations.slice(0, 5).map(({ invariant, what: text }) => `# broken: ${invariant}: ${text}`);
  return [`# seed ${seed}`, ...what, '', renderScript([...steps, ...rest])].join('\n');
}

/** Steps that take pods away, or may. */
const disturbing = /^(node (stop|crash)|delete pod|fault (?!none)|deploy .*behaviour=crash)/;
/** Longer than anything that is looked at from time to time. */
const leftAloneMs = 15 * 60_000;

/** Stops at the first step after which something is wrong. */
async function violationsOf(seed: number, steps: readonly Step[], options: SearchOptions): Promise<Violation[]> {
  const { machineClock, planted = {}, invariants = allInvariants } = options;
  const { sabotage, ...bugs } = planted;
  const world = await World.start({ machineClock, log: silentLog }, { seed, clock: new VirtualClock(), ...bugs });
  sabotage?.(world);
  const changes = new ChangeChecks(invariants);
  changes.attach(world.plane.api);
  const fail = (found: Violation[]): void => {
    if (found.length > 0) throw new Broken(found);
  };
  const check = (when: 'always' | 'atRest'): void => {
    const found = changes.take();
    // It may be another server by now.
    changes.attach(world.plane.api);
    const seen = observe(world.plane.api);
    for (const { name, [when]: ask } of invariants) {
      for (const what of ask?.(seen) ?? []) found.push({ invariant: name, what });
    }
    fail(found);
  };
  try {
    const all = [...steps, ...rest];
    let played = 0;
    await runScript(world, all, async () => {
      check('always');
      if (disturbing.test(all[++played]?.line ?? '')) changes.isCalm = false;
      return [];
    });
    check('atRest');
    // Deadlines that only guard are not waited for by settling: a rollout that stands still is said to after ten minutes.
    await world.clock.advance(leftAloneMs);
    const before = observe(world.plane.api);
    await world.clock.advance(leftAloneMs);
    const after = observe(world.plane.api);
    fail(
      invariants.flatMap(({ name, afterRest }) =>
        (afterRest?.(before, after) ?? []).map((what) => ({ invariant: name, what })),
      ),
    );
    return [];
  } catch (error) {
    if (error instanceof Broken) return error.violations;
    return [
      { invariant: 'nothing fails unexpectedly', what: error instanceof Error ? (error.stack ?? '') : String(error) },
    ];
  } finally {
    await world.stop();
  }
}

class Broken extends Error {
  readonly violations: Violation[];

  constructor(violations: Violation[]) {
    super('an invariant is broken');
    this.violations = violations;
  }
}
