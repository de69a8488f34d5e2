import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import type { Snapshot } from '../../placement/snapshot.ts';
import type { FailedAttempt, PostFilterResult } from '../plugin.ts';
import { nodesAvailable } from '../unschedulable-message.ts';
import { leastHarm } from './choose.ts';
import { type DryRuns, DryRunResults } from './dry-runs.ts';
import { type Candidate, priorityOf, victimsOn } from './victims.ts';

/** DefaultPreemptionArgs (kubescheduler.config.k8s.io/v1): how many nodes are tried, of those that could be helped. */
export interface PreemptionArgs {
  minCandidateNodesPercentage?: number;
  minCandidateNodesAbsolute?: number;
}

/** Where pods elsewhere decide, a dry run costs a look at all nodes: after so many the best of them is taken. */
const maxCostly = 32;

/**
 * Looks for a node where sending less important pods away would make room (DefaultPreemption). Pure: the snapshot is as
 * before; who is to leave is in the answer.
 */
export function preempt(attempt: FailedAttempt, args: PreemptionArgs, memory?: DryRuns): PostFilterResult {
  const { evaluation, diagnosis, rng } = attempt;
  const { snapshot, pod } = evaluation.request;
  const problem = ineligible(snapshot, pod, (slot) => diagnosis.isResolvable(slot));
  if (problem) return { message: `preemption: not eligible due to ${problem}.` };
  const results = memory?.of(evaluation) ?? new DryRunResults();
  const hopeful = diagnosis.nodeCount - diagnosis.unresolvable;
  const offset = Math.floor(rng.next() * snapshot.size);
  const chosen = leastHarm(tryOut(attempt, { hopeful, args, results, offset }));
  if (chosen) {
    return { message: '', nominated: { node: snapshot.node(chosen.slot)?.name as string, victims: chosen.victims } };
  }
  const reasons = reasonsOf(attempt, results);
  const unhelpful = diagnosis.nodeCount - hopeful;
  if (unhelpful > 0) reasons.set('Preemption is not helpful for scheduling', unhelpful);
  return { message: `preemption: ${nodesAvailable(diagnosis.nodeCount, reasons)}`, clearsNomination: true };
}

/** How many of the nodes that were tried were no candidates for a reason. */
function reasonsOf({ evaluation, diagnosis }: FailedAttempt, results: DryRunResults): Map<string, number> {
  const { slots, size } = evaluation.request.snapshot;
  const reasons = new Map<string, number>();
  for (let i = 0; i < size; i++) {
    const slot = slots[i] as number;
    const answer = diagnosis.isResolvable(slot) ? results.get(slot) : undefined;
    if (!answer || 'slot' in answer) continue;
    for (const reason of answer) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return reasons;
}

/** Why the pod must not send others away (now). */
function ineligible(snapshot: Snapshot, pod: Pod, isResolvable: (slot: number) => boolean): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'preemptionPolicy=Never';
  const promised = snapshot.nominations.nodeOf(pod.metadata.uid ?? '');
  const slot = promised === undefined ? undefined : snapshot.slotOf(promised);
  if (slot === undefined || !isResolvable(slot)) return undefined;
  for (const placed of snapshot.node(slot)?.pods.values() ?? [])
    if (priorityOf(placed.pod) < priorityOf(pod) && isMakingRoom(placed.pod))
      return 'a terminating pod on the nominated node';
  return undefined;
}

const isMakingRoom = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined &&
  Boolean(
    status?.conditions?.some(
      ({ type, status: value, reason }) =>
        type === 'DisruptionTarget' && value === 'True' && reason === 'PreemptionByScheduler',
    ),
  );

interface Search {
  /** How many nodes could be helped. */
  hopeful: number;
  args: PreemptionArgs;
  results: DryRunResults;
  /** The position to begin at. */
  offset: number;
}

/** Dry runs from `offset` on until there are candidates enough, one of them within all budgets. */
function tryOut({ evaluation, diagnosis }: FailedAttempt, { hopeful, args, results, offset }: Search): Candidate[] {
  const { snapshot } = evaluation.request;
  const { slots, size } = snapshot;
  const budgets: PodDisruptionBudget[] = [...snapshot.budgets.all()];
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = args;
  const enough = Math.max(Math.floor((hopeful * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute);
  const candidates: Candidate[] = [];
  let hasHarmless = false;
  let left = evaluation.isLocal ? size : maxCostly;
  for (let i = 0; i < size && left > 0 && (candidates.length < enough || !hasHarmless); i++) {
    const at = offset + i;
    const slot = slots[at < size ? at : at - size] as number;
    if (results.isNone(slot) || !diagnosis.isResolvable(slot)) continue;
    left--;
    const known = results.get(slot);
    const result = known ?? victimsOn(evaluation, slot, budgets);
    if (!known) results.set(slot, result);
    if (!('slot' in result)) continue;
    candidates.push(result);
    hasHarmless ||= result.harm.numbers[0] === 0;
  }
  return candidates;
}
