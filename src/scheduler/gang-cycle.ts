import type { Pod } from '../api/generated/types.ts';
import type { Unschedulable } from './cycle.ts';
import type { Placed } from './plugin.ts';

/** What became of one pod: its place, why there is none, or nothing (what it needs could not be had; that is said already). */
export interface PlaceResult {
  readonly result?: Placed | Unschedulable;
  readonly evaluated: number;
}

export interface GangResult {
  /** In the order in which they took their places. */
  readonly placed: readonly Placed[];
  readonly failed: readonly { readonly pod: Pod; readonly why: Unschedulable }[];
  readonly evaluated: number;
  /** Undefined: enough of them have a place; else what is to be said of those that had one. */
  readonly shortage: string | undefined;
}

/** Places pod after pod, so that each sees those before it; `before` of the gang have a node already. */
export function placeTogether(
  pods: readonly Pod[],
  { before, minCount }: { before: number; minCount: number },
  place: (pod: Pod) => PlaceResult,
): GangResult {
  const placed: Placed[] = [];
  const failed: { pod: Pod; why: Unschedulable }[] = [];
  let evaluated = 0;
  for (const pod of pods) {
    const attempt = place(pod);
    evaluated += attempt.evaluated;
    if (attempt.result && 'diagnosis' in attempt.result) failed.push({ pod, why: attempt.result });
    else if (attempt.result) placed.push(attempt.result);
  }
  const scheduled = before + placed.length;
  const shortage =
    scheduled < minCount
      ? `minCount (${minCount}) cannot be satisfied: ${scheduled} scheduled, 0 remaining`
      : undefined;
  return { placed, failed, evaluated, shortage };
}
