import type { FilterRequest } from '../filters/node-filter.ts';

/** A score made ready for one pod: 0 (worst) to 100 for a slot, before or after normalization. */
export type ScoreSlot = (slot: number) => number;

/** How well a node suits a pod that it can take. */
export interface NodeScore {
  /** As of a filter: it depends on nothing but the slot and the pod's requirement. */
  readonly local?: boolean;
  /**
   * Undefined: all nodes are alike to it. `feasible` are the slots that will be asked about. The same function as before
   * means: since then only slots whose own pods changed have got another score.
   */
  prepare(request: FilterRequest, feasible: readonly number[]): ScoreSlot | undefined;
  /**
   * Raw scores are counts: the highest becomes 100 (`higher`), or 0 (`lower`: fewer is better); or a way of its own, in
   * place.
   */
  normalize?: 'higher' | 'lower' | ((raw: Float64Array) => void);
}

export const maxScore = 100;
