import type { Pod } from '../api/generated/types.ts';
import type { Candidates } from './candidates.ts';
import type { PodRequirement } from './pod-requirement.ts';
import type { Snapshot } from './snapshot.ts';

/** The pod to place, with what its spec asks. */
export interface PodToPlace {
  readonly pod: Pod;
  readonly requirement: PodRequirement;
}

/** Narrows the candidates to the nodes that can take the pod. */
export type Filter = (candidates: Candidates) => void;

/** Prepares a filter for one pod; undefined when the filter would let every node pass. */
export type FilterMaker = (snapshot: Snapshot, pod: PodToPlace) => Filter | undefined;

/** Writes 0..100 for each of the first `count` slots into `scores`, at the same index. */
export type Score = (slots: Int32Array, count: number, scores: Float64Array) => void;

/** Prepares a score for one pod; undefined when it would not tell nodes apart. */
export type ScoreMaker = (snapshot: Snapshot, pod: PodToPlace) => Score | undefined;

export const maxScore = 100;

/** Scales so that the largest is 100 (or, reversed, the smallest count is best). */
export function normalize(scores: Float64Array, count: number, reverse = false): void {
  let largest = 0;
  for (let i = 0; i < count; i++) largest = Math.max(largest, scores[i] as number);
  for (let i = 0; i < count; i++) {
    const scaled = largest === 0 ? 0 : Math.trunc((maxScore * (scores[i] as number)) / largest);
    scores[i] = reverse ? maxScore - scaled : scaled;
  }
}
