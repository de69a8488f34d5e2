import type { FilterRequest } from '../filters/node-filter.ts';

/** A score made ready for one pod: 0 (worst) to 100 for a slot, before or after normalization. */
export type ScoreSlot = (slot: number) => number;

/** How well a node suits a pod that it can take. */
export interface NodeScore {
  /** Undefined: all nodes are alike to it. */
  prepare(request: FilterRequest): ScoreSlot | undefined;
  /** Raw scores are counts: the highest becomes 100 (`higher`), or 0 (`lower`: fewer is better). */
  normalize?: 'higher' | 'lower';
}

export const maxScore = 100;
