import type { Pod } from '../../api/generated/types.ts';
import type { PodRequirement } from '../pod-requirement.ts';
import type { Snapshot } from '../snapshot.ts';

/** The question that a filter is asked: may this pod go on a node of this snapshot? */
export interface FilterRequest {
  snapshot: Snapshot;
  pod: Pod;
  requirement: PodRequirement;
}

/**
 * A filter made ready for one pod. Valid until the snapshot changes; one of a filter that is `local` stays so while only
 * pods come and go.
 */
export interface NodeTest {
  passes(slot: number): boolean;
  /** Why not, in Kubernetes' words; only asked of slots that do not pass. */
  reasons(slot: number): string[];
  /** Whether removing pods from a slot that does not pass could help; absent: never. */
  resolvable?(slot: number): boolean;
  /** Slots of one kind get the same reasons, and all can be helped or none; absent: each is asked. */
  kind?(slot: number): number;
  /** Only these slots come into question; the others are not asked. */
  readonly only?: readonly number[];
  /** The pod cannot go anywhere, for a reason that is no node's. */
  readonly rejects?: string;
}

/** One reason a node can be wrong for a pod. Pure: the same snapshot and pod give the same answer. */
export interface NodeFilter {
  /** Its answer depends on nothing but the slot and the pod's requirement, not on pods elsewhere. */
  readonly local?: boolean;
  /** Undefined: it has nothing against any node. */
  prepare(request: FilterRequest): NodeTest | undefined;
}

/** A test with one fixed reason. */
export const testFor = (reason: string, passes: (slot: number) => boolean): NodeTest => ({
  passes,
  reasons: () => [reason],
  kind: () => 0,
});

/** The pod itself is wrong: no node is asked. */
export const rejection = (reason: string): NodeTest => ({
  rejects: reason,
  passes: () => false,
  reasons: () => [reason],
});
