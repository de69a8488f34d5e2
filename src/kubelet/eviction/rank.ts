import type { Pod } from '../../api/generated/types.ts';
import { podRequests } from '../../placement/pod-requests.ts';
import type { Signal } from './thresholds.ts';
import { isDisk } from './pressure.ts';

/** What a pod uses of what runs out. */
export interface PodUse {
  pod: Pod;
  memoryBytes: number;
  diskBytes: number;
  inodes: number;
  pids: number;
  /** By container. */
  containers: Map<string, { memoryBytes: number; diskBytes: number }>;
}

/** The request that a pod's use is measured by; processes and inodes have none. */
export type Measured = 'memory' | 'ephemeral-storage';

export const measuredOf = (signal: Signal): Measured | undefined =>
  signal === 'memory.available' ? 'memory' : signal.endsWith('fs.available') ? 'ephemeral-storage' : undefined;

const useOf = (use: PodUse, signal: Signal): number => {
  if (signal === 'memory.available') return use.memoryBytes;
  if (signal === 'pid.available') return use.pids;
  return signal.endsWith('inodesFree') ? use.inodes : use.diskBytes;
};

/** From this on a pod is the cluster's own: it never goes for others. */
const criticalPriority = 2_000_000_000;

/** Static pods and those of the highest classes stay, whatever the node lacks. */
export const isCritical = ({ metadata, spec }: Pod): boolean =>
  (spec.priority ?? 0) >= criticalPriority ||
  (metadata.annotations?.['kubernetes.io/config.source'] ?? 'api') !== 'api';

/**
 * Who goes first: pods over their requests, then those of lower priority, then those that are furthest over. Pods that
 * asked for as much as they use come last. Critical ones are not in the list.
 */
export function ranked(uses: readonly PodUse[], signal: Signal): PodUse[] {
  const measured = measuredOf(signal);
  const all = uses
    .filter(({ pod }) => !isCritical(pod))
    .map((use) => {
      const requested = measured ? (podRequests(use.pod.spec)[measured] ?? 0) : 0;
      const over = useOf(use, signal) - requested;
      return { use, over, isOver: measured !== undefined && over > 0, priority: use.pod.spec.priority ?? 0 };
    });
  all.sort((a, b) => Number(b.isOver) - Number(a.isOver) || a.priority - b.priority || b.over - a.over);
  // A pod that has nothing of it would go for nothing.
  return all.filter(({ use }) => !isDisk(signal) || useOf(use, signal) > 0).map(({ use }) => use);
}
