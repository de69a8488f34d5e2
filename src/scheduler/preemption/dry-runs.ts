import type { PodRequirement } from '../../placement/pod-requirement.ts';
import type { Evaluation } from '../evaluation.ts';
import { type Candidate, type NoCandidate, priorityOf } from './victims.ts';

type Results = Map<number, Candidate | NoCandidate>;

interface Remembered {
  readonly requirement: PodRequirement;
  readonly priority: number;
  readonly results: Results;
  generation: number;
}

/** Specs remembered at most; the oldest goes. */
const maxKept = 16;

/** Dry runs of the last specs: a node whose pods have not changed since is not tried again for an equal pod. */
export class DryRuns {
  #kept: Remembered[] = [];

  /** What is still true, by slot, to be added to; undefined where pods elsewhere decide. */
  of(evaluation: Evaluation): Results | undefined {
    if (!evaluation.isLocal) return undefined;
    const { requirement, snapshot, pod } = evaluation.request;
    const priority = priorityOf(pod);
    const known = this.#kept.find((one) => one.requirement === requirement && one.priority === priority);
    const changed = known && snapshot.changes.since(known.generation);
    if (!known || !changed) {
      const results: Results = new Map();
      const others = this.#kept.filter((one) => one !== known).slice(1 - maxKept);
      this.#kept = [...others, { requirement, priority, results, generation: snapshot.changes.generation }];
      return results;
    }
    for (const slot of changed) known.results.delete(slot);
    known.generation = snapshot.changes.generation;
    return known.results;
  }
}
