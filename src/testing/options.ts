import type { ServingOptions } from '../api/served-versions.ts';
import { type Duration, durationMs } from '../base/duration.ts';
import type { Behaviour } from '../simulation/hollow/behaviour.ts';
import type { HollowNodeSpec } from '../simulation/hollow/node-spec.ts';

/** What nodes of a cluster under test are like. Nothing runs on them: they are hollow. */
export interface NodeOptions extends Partial<Pick<HollowNodeSpec, 'labels' | 'taints' | 'capacity'>> {
  /** Of a single node; `node-1`, `node-2`, … unless told. */
  name?: string;
  /**
   * How often a node says that it lives; `30s` unless told. A kubelet does it every 10 s, but in a quiet cluster of many
   * nodes nearly all there is to do is this. A node that is not heard of for 50 s counts as lost.
   */
  heartbeat?: Duration;
}

/** What they are for the hollow nodes themselves. @internal */
export const nodeSpecOf = ({ heartbeat, ...spec }: NodeOptions): Partial<HollowNodeSpec> =>
  heartbeat === undefined ? spec : { ...spec, heartbeatMs: durationMs(heartbeat) };

export interface ClusterOptions {
  /**
   * `real` (default): time passes by itself and can be moved ahead. For operators and clients that talk HTTPS.
   * `virtual`: time stands still until `settle`, `advance` or a wait moves it. The same seed then gives the same trace.
   */
  clock?: 'real' | 'virtual';
  /** Where a virtual clock begins; 2026-01-01T00:00:00Z unless told. */
  startTime?: Date;
  /** Of all chance in the cluster: names, uids, which node of equal ones. 1 unless told. */
  seed?: number;
  /** How many hollow nodes to begin with, or what they are like; one unless told. */
  nodes?: number | ({ count?: number } & NodeOptions);
  /** What pods do, before the built-in behaviours. */
  behaviours?: readonly Behaviour[];
  /** Controllers that run, by name (`deployment.rollout`); all unless told, none for an empty list. */
  controllers?: readonly string[];
  /** Whether pods are given nodes; true unless told. */
  scheduler?: boolean;
  /** Versions of built-in kinds that are on besides what Kubernetes serves by itself, or off. */
  serving?: ServingOptions;
  /** How long waits wait unless told, in the cluster's time; 10 s, or 10 m with a virtual clock. */
  timeout?: Duration;
  /** Gets a line for each warning and error inside; nothing is printed unless told. */
  onLog?(line: string): void;
}

export interface WaitOptions {
  /** In the cluster's time. */
  timeout?: Duration;
  /** What is waited for, for the error's text. */
  what?: string;
}
