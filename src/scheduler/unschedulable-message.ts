import type { Pod } from '../api/generated/types.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import type { ReasonCounts, Unschedulable } from './cycle.ts';

/**
 * What the PodScheduled condition and the FailedScheduling event say, in the words of Kubernetes 1.36:
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims to deallocate, preemption: …`
 */
export function unschedulableMessage(snapshot: Snapshot, pod: Pod, why: Unschedulable): string {
  if (snapshot.size === 0) return 'no nodes available to schedule pods';
  const message = available(snapshot.size, why.reasons);
  const preemption = preemptionMessage(snapshot, pod, why);
  return preemption ? `${message} no new claims to deallocate, preemption: ${preemption}` : message;
}

/** Undefined where only trying would tell, which is not there yet: nothing is claimed then. */
function preemptionMessage(snapshot: Snapshot, pod: Pod, { unresolvable }: Unschedulable): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const hopeful = snapshot.size - unresolvable;
  if (hopeful > 0 && snapshot.hasPodBelow(pod.spec.priority ?? 0)) return undefined;
  const counts = new Map([
    ['No preemption victims found for incoming pod', hopeful],
    ['Preemption is not helpful for scheduling', unresolvable],
  ]);
  return available(snapshot.size, counts);
}

function available(nodeCount: number, reasons: ReasonCounts): string {
  const texts = [...reasons].filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`);
  return `0/${nodeCount} nodes are available: ${texts.sort().join(', ')}.`;
}
