import type { Unschedulable } from './cycle.ts';
import type { ReasonCounts } from './diagnosis.ts';

/**
 * What the PodScheduled condition and the FailedScheduling event say, in the words of Kubernetes 1.36:
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims to deallocate, preemption: …`
 */
export function unschedulableMessage({ diagnosis, remedies }: Unschedulable): string {
  const { nodeCount, rejection, reasons } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const message = rejection
    ? `0/${nodeCount} nodes are available: ${rejection.reasons.join(', ')}.`
    : nodesAvailable(nodeCount, reasons);
  // Room is being made: nothing is said of what was tried before.
  if (remedies.some(({ nominated }) => nominated)) return message;
  const tried = remedies.map((remedy) => remedy.message).filter((text) => text !== '');
  return tried.length > 0 ? `${message} ${tried.join(', ')}` : message;
}

/** `0/3 nodes are available: 2 this, 1 that.` */
export function nodesAvailable(nodeCount: number, reasons: ReasonCounts): string {
  const texts = [...reasons].filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`);
  return `0/${nodeCount} nodes are available: ${texts.sort().join(', ')}.`;
}
