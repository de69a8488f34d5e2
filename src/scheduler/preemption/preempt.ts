import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import type { Snapshot } from '../../placement/snapshot.ts';
import type { Diagnosis } from '../diagnosis.ts';
import type { FailedAttempt, PostFilterResult } from '../plugin.ts';
import { nodesAvailable } from '../unschedulable-message.ts';
import { leastHarm } from './choose.ts';
import type { DryRuns } from './dry-runs.ts';
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
  const hopeful = hopefulSlots(snapshot, diagnosis);
  const { candidates, reasons } = tryOut(attempt, {
    hopeful,
    args,
    memory,
    offset: Math.floor(rng.next() * hopeful.length),
  });
  const chosen = leastHarm(candidates);
  if (chosen) {
    return { message: '', nominated: { node: snapshot.node(chosen.slot)?.name as string, victims: chosen.victims } };
  }
  const unhelpful = diagnosis.nodeCount - hopeful.length;
  if (unhelpful > 0) reasons.set('Preemption is not helpful for scheduling', unhelpful);
  return { message: `preemption: ${nodesAvailable(diagnosis.nodeCount, reasons)}`, clearsNomination: true };
}

function hopefulSlots({ slots, size }: Snapshot, diagnosis: Diagnosis): number[] {
  const hopeful: number[] = [];
  for (let i = 0; i < size; i++) {
    const slot = slots[i] as number;
    if (diagnosis.isResolvable(slot)) hopeful.push(slot);
  }
  return hopeful;
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
  hopeful: readonly number[];
  args: PreemptionArgs;
  memory: DryRuns | undefined;
  offset: number;
}

/** Dry runs from `offset` on until there are candidates enough, one of them within all budgets. */
function tryOut(
  { evaluation }: FailedAttempt,
  { hopeful, args, memory, offset }: Search,
): { candidates: Candidate[]; reasons: Map<string, number> } {
  const { snapshot } = evaluation.request;
  const budgets: PodDisruptionBudget[] = [...snapshot.budgets.all()];
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = args;
  const enough = Math.max(Math.floor((hopeful.length * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute);
  const most = evaluation.isLocal ? hopeful.length : Math.min(maxCostly, hopeful.length);
  const remembered = memory?.of(evaluation);
  const candidates: Candidate[] = [];
  const reasons = new Map<string, number>();
  let hasHarmless = false;
  for (let i = 0; i < most && (candidates.length < enough || !hasHarmless); i++) {
    const slot = hopeful[(offset + i) % hopeful.length] as number;
    const result = remembered?.get(slot) ?? victimsOn(evaluation, slot, budgets);
    remembered?.set(slot, result);
    if ('slot' in result) {
      candidates.push(result);
      hasHarmless ||= result.harm.numbers[0] === 0;
    } else for (const reason of result) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return { candidates, reasons };
}
