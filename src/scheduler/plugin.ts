import type { NodeFilter } from '../placement/filters/node-filter.ts';
import type { NodeScore } from '../placement/scores/node-score.ts';

/** What happens in the cluster that can make room for a pod. */
export type ClusterEvent =
  | 'node.added'
  | 'node.deleted'
  | 'node.allocatable'
  | 'node.labels'
  | 'node.taints'
  | 'namespace.labels'
  | 'pod.added'
  | 'pod.deleted'
  | 'pod.updated';

/** A plugin takes part in filtering, scoring or both; `plugins.ts` lists them in order. */
export interface SchedulerPlugin {
  readonly name: string;
  readonly filter?: NodeFilter;
  readonly score?: NodeScore;
  /** Of the score; 1 unless told. */
  readonly weight?: number;
  /** After these, a pod that its filter turned away is worth another try (queueing hints, KEP-4247). */
  readonly events: readonly ClusterEvent[];
}
