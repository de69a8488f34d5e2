import type { PodRequirement } from '../../placement/pod-requirement.ts';
import type { Evaluation } from '../evaluation.ts';
import { type Candidate, type NoCandidate, priorityOf } from './victims.ts';

const unknown = 0;
const isCandidate = 1;
const isNone = 2;

/** What dry runs came to, by slot: a column of a byte each to look along, and the answers beside it. */
export class DryRunResults {
  #states = new Uint8Array(64);
  readonly #answers: (Candidate | NoCandidate | undefined)[] = [];

  get(slot: number): Candidate | NoCandidate | undefined {
    return this.#states[slot] ? this.#answers[slot] : undefined;
  }

  /** Whether the node is known to be no candidate: most are, once many pods had room made for them. */
  isNone(slot: number): boolean {
    return this.#states[slot] === isNone;
  }

  set(slot: number, answer: Candidate | NoCandidate): void {
    if (slot >= this.#states.length) {
      const larger = new Uint8Array(Math.max(slot + 1, this.#states.length * 2));
      larger.set(this.#states);
      this.#states = larger;
    }
    this.#states[slot] = 'slot' in answer ? isCandidate : isNone;
    this.#answers[slot] = answer;
  }

  forget(slot: number): void {
    if (slot < this.#states.length) this.#states[slot] = unknown;
    this.#answers[slot] = undefined;
  }
}

interface Remembered {
  readonly requirement: PodRequirement;
  readonly priority: number;
  readonly results: DryRunResults;
  generation: number;
}

/** Specs remembered at most; the oldest goes. */
const maxKept = 16;

/** Dry runs of the last specs: a node whose pods have not changed since is not tried again for an equal pod. */
export class DryRuns {
  #kept: Remembered[] = [];

  /** What is still true, to be added to; undefined where pods elsewhere decide. */
  of(evaluation: Evaluation): DryRunResults | undefined {
    if (!evaluation.isLocal) return undefined;
    const { requirement, snapshot, pod } = evaluation.request;
    const priority = priorityOf(pod);
    const known = this.#kept.find((one) => one.requirement === requirement && one.priority === priority);
    const changed = known && snapshot.changes.since(known.generation);
    if (!known || !changed) {
      const results = new DryRunResults();
      const others = this.#kept.filter((one) => one !== known).slice(1 - maxKept);
      this.#kept = [...others, { requirement, priority, results, generation: snapshot.changes.generation }];
      return results;
    }
    for (const slot of changed) known.results.forget(slot);
    known.generation = snapshot.changes.generation;
    return known.results;
  }
}
