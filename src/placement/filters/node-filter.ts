import type { Pod } from '../../api/generated/types.ts';
import type { PodRequirement } from '../pod-requirement.ts';
import type { Snapshot } from '../snapshot.ts';

/** The question that a filter is asked: may this pod go on a node of this snapshot? */
export interface FilterRequest {
  snapshot: Snapshot;
  pod: Pod;
  requirement: PodRequirement;
}

/** A filter made ready for one pod. Valid until the snapshot changes. */
export interface NodeTest {
  passes(slot: number): boolean;
  /** Why not, in Kubernetes' words; only asked of slots that do not pass. */
  reasons(slot: number): string[];
  /** Whether removing pods from a slot that does not pass could help; absent: never. */
  resolvable?(slot: number): boolean;
}

/** One reason a node can be wrong for a pod. Pure: the same snapshot and pod give the same answer. */
export interface NodeFilter {
  /** Undefined: it has nothing against any node. */
  prepare(request: FilterRequest): NodeTest | undefined;
}

/** A test with one fixed reason. */
export const testFor = (reason: string, passes: (slot: number) => boolean): NodeTest => ({
  passes,
  reasons: () => [reason],
});
