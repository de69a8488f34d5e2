import type { Pod } from '../../api/generated/types.ts';
import { type Candidate, priorityOf, startOf } from './victims.ts';

/** More than any priority may be negative, so that one victim more always counts. */
const perVictim = 2 ** 31;

/**
 * The candidate that does the least harm: fewest budgets violated, then the least important of the most important
 * victims, the smallest sum of priorities, the fewest victims, and of the most important victims the youngest.
 */
export function leastHarm(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Harm | undefined;
  for (const candidate of candidates) {
    const harm = harmOf(candidate);
    if (!best || compare(harm, best) < 0) best = harm;
  }
  return best?.candidate;
}

interface Harm {
  candidate: Candidate;
  numbers: readonly number[];
  earliestStart: string;
}

function harmOf(candidate: Candidate): Harm {
  const { victims, violations } = candidate;
  const highest = victims[0] ? priorityOf(victims[0]) : Number.NEGATIVE_INFINITY;
  const sum = victims.reduce((total, victim) => total + priorityOf(victim) + perVictim, 0);
  const starts = victims.filter((victim) => priorityOf(victim) === highest).map((victim: Pod) => startOf(victim));
  const earliestStart = starts.reduce((a, b) => (a < b ? a : b), '9999');
  return { candidate, numbers: [violations, highest, sum, victims.length], earliestStart };
}

function compare(a: Harm, b: Harm): number {
  for (let i = 0; i < a.numbers.length; i++) {
    const [first, second] = [a.numbers[i] as number, b.numbers[i] as number];
    if (first !== second) return first < second ? -1 : 1;
  }
  return a.earliestStart > b.earliestStart ? -1 : a.earliestStart < b.earliestStart ? 1 : 0;
}
