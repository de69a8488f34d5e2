import type { Pod } from '../api/generated/types.ts';
import type { Rng } from '../base/rng.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import { Diagnosis, type NodeVerdict } from './diagnosis.ts';
import { Evaluation } from './evaluation.ts';
import { type WindowMemory, windowFor } from './node-window.ts';
import type { FailedAttempt, PostFilterResult } from './plugin.ts';
import { type PointTimer, timed } from './point-timer.ts';
import type { Profile } from './profile.ts';

/** Where a pod goes, or why it goes nowhere. */
export type Placement = { node: string; slot: number; evaluated: number } | ({ evaluated: number } & Unschedulable);

export interface Unschedulable {
  readonly diagnosis: Diagnosis;
  /** What can be done for it, of each PostFilter plugin that was asked. */
  readonly remedies: readonly PostFilterResult[];
}

export interface CycleOptions {
  rng: Rng;
  /** Position to begin at, so that sampling visits all nodes in turn. */
  start?: number;
  /** What equal pods before this one found. */
  memory?: WindowMemory;
  timer?: PointTimer | undefined;
}

/** Chooses a node for a pod. Pure: writes nothing, reads only the snapshot; equal scores are decided by `rng`. */
export function schedule(
  { snapshot, profile }: { snapshot: Snapshot; profile: Profile },
  pod: Pod,
  { rng, start = 0, memory, timer }: CycleOptions,
): Placement {
  const evaluation = timed(timer, 'PreFilter', () => new Evaluation(profile.at.filter, snapshot, pod));
  const promised = promisedSlot(evaluation);
  if (promised !== undefined) return placedOn(snapshot, promised, 1);
  const { nodes, evaluated, diagnosis } = timed(
    timer,
    'Filter',
    () => windowFor({ profile, memory }, evaluation, start),
    (window) => (window.diagnosis ? 'Unschedulable' : 'Success'),
  );
  if (diagnosis) {
    const attempt = { evaluation, diagnosis, rng, dryRuns: memory?.dryRuns };
    const remedies = timed(
      timer,
      'PostFilter',
      () => postFilter(profile, attempt),
      (all) => (all.some(({ nominated }) => nominated) ? 'Success' : 'Unschedulable'),
    );
    return { diagnosis, evaluated, remedies };
  }
  return placedOn(
    snapshot,
    timed(timer, 'Score', () => nodes.best(rng)),
    evaluated,
  );
}

const placedOn = (snapshot: Snapshot, slot: number, evaluated: number): Placement => ({
  node: snapshot.node(slot)?.name as string,
  slot,
  evaluated,
});

/** The node that was made free for the pod is tried before all others. */
function promisedSlot(evaluation: Evaluation): number | undefined {
  const { snapshot, pod } = evaluation.request;
  const name = snapshot.nominations.nodeOf(pod.metadata.uid ?? '');
  const slot = name === undefined ? undefined : snapshot.slotOf(name);
  const { only, rejectedBy } = evaluation;
  if (slot === undefined || rejectedBy || (only && !only.slots.includes(slot))) return undefined;
  return evaluation.failedAt(slot) ? undefined : slot;
}

/** Asks until one knows a node that can be made to fit. */
function postFilter(profile: Profile, attempt: FailedAttempt): PostFilterResult[] {
  const results: PostFilterResult[] = [];
  if (attempt.diagnosis.nodeCount === 0) return results;
  for (const plugin of profile.at.postFilter) {
    const result = plugin.postFilter?.(attempt);
    if (result) results.push(result);
    if (result?.nominated) break;
  }
  return results;
}

/** Node by node, why the pod cannot go there; nodes that would take it are left out. For `why`. */
export function explain(
  { snapshot, profile }: { snapshot: Snapshot; profile: Profile },
  pod: Pod,
): Map<string, NodeVerdict> {
  return new Diagnosis(new Evaluation(profile.at.filter, snapshot, pod)).byNode();
}
