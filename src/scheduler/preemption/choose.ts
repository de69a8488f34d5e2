import type { Candidate, Harm } from './victims.ts';

/**
 * The candidate that does the least harm: fewest budgets violated, then the least important of the most important
 * victims, the smallest sum of priorities, the fewest victims, and of the most important victims the youngest.
 */
export function leastHarm(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) if (!best || compare(candidate.harm, best.harm) < 0) best = candidate;
  return best;
}

function compare(a: Harm, b: Harm): number {
  for (let i = 0; i < a.numbers.length; i++) {
    const [first, second] = [a.numbers[i] as number, b.numbers[i] as number];
    if (first !== second) return first < second ? -1 : 1;
  }
  return a.earliestStart > b.earliestStart ? -1 : a.earliestStart < b.earliestStart ? 1 : 0;
}
