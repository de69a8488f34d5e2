import type { Pod } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import type { NodeFilter } from '../placement/filters/node-filter.ts';
import type { NodeScore } from '../placement/scores/node-score.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Evaluation } from './evaluation.ts';
import type { Hints } from './hints.ts';
import type { DryRuns } from './preemption/dry-runs.ts';

/** A pod with the node that was chosen for it, on its way to be bound. */
export interface Placed {
  readonly pod: Pod;
  readonly node: string;
  readonly slot: number;
  readonly snapshot: Snapshot;
  /** What a plugin keeps from one step to the next, under its name. */
  readonly state: Map<string, unknown>;
}

/** What a step that writes is given. */
export interface BindingHandle {
  readonly client: Client;
  readonly clock: Clock;
  /** Resolves when `ready` is true, asked again whenever something changes in the cluster; rejects after `timeoutMs`. */
  waitUntil(ready: () => boolean, timeoutMs: number): Promise<void>;
}

/** An attempt that found no node. */
export interface FailedAttempt {
  readonly evaluation: Evaluation;
  readonly diagnosis: Diagnosis;
  readonly rng: Rng;
  /** What was tried for equal pods before. */
  readonly dryRuns?: DryRuns;
}

/** What could be done for a pod that fits nowhere, and what is to be said of it. */
export interface PostFilterResult {
  readonly message: string;
  /** The node that will have room for the pod once `victims` are gone. */
  readonly nominated?: { readonly node: string; readonly victims: readonly Pod[] };
  /** The node that the pod was promised before is no longer its. */
  readonly clearsNomination?: boolean;
}

/** Compared by the queue. */
export interface QueueOrder {
  readonly pod: Pod;
  /** Position in the order of arrival. */
  readonly order: number;
}

/**
 * One concern of scheduling, at the points of Kubernetes' scheduling framework (KEP-624) that it takes part in. Preparing a
 * filter is PreFilter, preparing a score PreScore. `plugins.ts` is the list.
 */
export interface SchedulerPlugin {
  readonly name: string;
  /** Why the pod must not be queued yet; undefined: nothing against it. */
  preEnqueue?(pod: Pod): string | undefined;
  /** QueueSort: negative when `a` goes first. */
  compare?(a: QueueOrder, b: QueueOrder): number;
  readonly filter?: NodeFilter;
  postFilter?(attempt: FailedAttempt): PostFilterResult;
  readonly score?: NodeScore;
  /** Of the score; 1 unless told. */
  readonly weight?: number;
  /** Takes what the pod needs, in memory. A text: it cannot be had after all. */
  reserve?(placed: Placed): string | undefined;
  /** Gives it back: some later step failed. Also called for a plugin whose own `reserve` failed. */
  unreserve?(placed: Placed): void;
  /**
   * Whether `preBind` has something to do for the pod (PreBindPreFlight, KEP-5278): it is not called otherwise. Absent: it
   * always has.
   */
  preFlight?(placed: Placed): boolean;
  /** Rejects with the reason. */
  preBind?(placed: Placed, handle: BindingHandle): Promise<void>;
  bind?(placed: Placed, handle: BindingHandle): Promise<void>;
  postBind?(placed: Placed): void;
  /** When a pod that it turned away is worth another try; absent: no event helps. */
  readonly hints?: Hints;
  /** The plugin as `pluginConfig` wants it (kubescheduler.config.k8s.io/v1). */
  configure?(args: Readonly<Record<string, unknown>>): SchedulerPlugin;
}
