import type { PodRequirement } from '../placement/pod-requirement.ts';
import { Diagnosis } from './diagnosis.ts';
import type { Evaluation } from './evaluation.ts';
import { DryRuns } from './preemption/dry-runs.ts';
import type { Profile } from './profile.ts';
import { ScoredNodes } from './scored-nodes.ts';

/** Below this many nodes all are looked at. */
const minFeasible = 100;

/** How many nodes that fit are enough: all of a small cluster, down to a twentieth of a large one (as upstream). */
export function enoughNodes(count: number, percentage = 0): number {
  if (count <= minFeasible || percentage >= 100) return count;
  const percent = percentage || Math.max(50 - Math.floor(count / 125), 5);
  return Math.max(Math.floor((count * percent) / 100), minFeasible);
}

/** What an attempt came to: nodes to choose from, or why there are none. */
export interface Window {
  readonly nodes: ScoredNodes;
  /** How many nodes were looked at for it. */
  readonly evaluated: number;
  readonly coversAll: boolean;
  diagnosis?: Diagnosis;
}

/** Looks for nodes that can take the pod, from the `start`th on, until there are enough. */
export function openWindow(profile: Profile, evaluation: Evaluation, start: number): Window {
  const { snapshot } = evaluation.request;
  const feasible: number[] = [];
  const { slots, size } = evaluation.only
    ? { slots: evaluation.only.slots, size: evaluation.only.slots.length }
    : snapshot;
  const enough = enoughNodes(size, profile.percentageOfNodesToScore);
  let evaluated = 0;
  for (let at = size && start % size; !evaluation.rejectedBy && evaluated < size && feasible.length < enough; ) {
    const slot = slots[at] as number;
    evaluated++;
    if (++at === size) at = 0;
    if (!evaluation.failedAt(slot)) feasible.push(slot);
  }
  const coversAll = evaluated === size;
  const nodes = new ScoredNodes(evaluation.request, profile.scores, feasible);
  const diagnosis = nodes.size === 0 ? new Diagnosis(evaluation) : undefined;
  return { nodes, evaluated, coversAll, diagnosis };
}

interface Remembered {
  window: Window;
  readonly priority: number;
  generation: number;
  /** For so many pods more; then other nodes shall have their turn. */
  left: number;
}

/** Windows kept at most; the one that was not used for longest goes. */
const maxWindows = 64;

/**
 * Windows of the last specs, kept current by what changed since: the next pod with an equal spec costs a look at the slots
 * that changed, not at hundreds of nodes (as KEP-5598 does it upstream). Only for pods whose fit depends on nothing but the
 * node and their own spec; where they are best may depend on other pods, which is asked each time.
 */
export class WindowMemory {
  readonly dryRuns = new DryRuns();
  readonly #windows = new Map<PodRequirement, Remembered>();

  /** A window for the pod as good as a new one; undefined: open one. */
  recall(evaluation: Evaluation): Window | undefined {
    const { requirement, snapshot, pod } = evaluation.request;
    const known = this.#windows.get(requirement);
    if (!known || known.priority !== (pod.spec.priority ?? 0) || known.left-- <= 0) return undefined;
    const changed = snapshot.changes.since(known.generation);
    const window = changed && refreshed(known.window, changed, evaluation);
    if (!window) return undefined;
    known.window = window;
    known.generation = snapshot.changes.generation;
    this.#windows.delete(requirement);
    this.#windows.set(requirement, known);
    return { ...window, evaluated: 1 };
  }

  keep(evaluation: Evaluation, window: Window): void {
    const { requirement, snapshot, pod } = evaluation.request;
    this.#windows.delete(requirement);
    if (this.#windows.size >= maxWindows) this.#windows.delete(this.#windows.keys().next().value as PodRequirement);
    const left = window.diagnosis ? Number.POSITIVE_INFINITY : window.nodes.size;
    const { generation } = snapshot.changes;
    this.#windows.set(requirement, { window, priority: pod.spec.priority ?? 0, generation, left });
  }
}

/** A window as it is now; undefined when it is of no use any more. */
function refreshed(window: Window, changed: readonly number[], evaluation: Evaluation): Window | undefined {
  const { nodes, coversAll, diagnosis: before } = window;
  if (before) {
    if (changed.length === 0) return window;
    // Also slots that do not come into question for such pods may have changed.
    if (evaluation.only || evaluation.rejectedBy) return undefined;
    const diagnosis = new Diagnosis(evaluation, { before, changed });
    return changed.some((slot) => diagnosis.isFeasible(slot)) ? undefined : { ...window, diagnosis };
  }
  for (const slot of changed.length > 1 ? new Set(changed) : changed) {
    const isIn = nodes.has(slot);
    if (!isIn && !coversAll) continue;
    const fits = !evaluation.failedAt(slot);
    if (isIn && fits) nodes.rescore(slot);
    else if (isIn) nodes.remove(slot);
    else if (fits) nodes.add(slot);
  }
  if (nodes.size === 0) return undefined;
  nodes.renew(evaluation.request);
  return window;
}

/** For a pod: the window of an equal one, or a new one. */
export function windowFor(
  { profile, memory }: { profile: Profile; memory?: WindowMemory },
  evaluation: Evaluation,
  start: number,
): Window {
  const { snapshot, pod } = evaluation.request;
  const shared = evaluation.isLocal ? memory : undefined;
  // A pod that was promised a node is not like others: it does not count against itself.
  const isPromised = snapshot.nominations.nodeOf(pod.metadata.uid ?? '') !== undefined;
  const known = isPromised ? undefined : shared?.recall(evaluation);
  if (known) return known;
  const window = openWindow(profile, evaluation, start);
  if (!isPromised) shared?.keep(evaluation, window);
  return window;
}
