import type { DaemonSetStatus } from '../../api/generated/types.ts';
import { isPodAvailable, isPodReady } from '../pod-state.ts';
import { hashLabel } from './daemon-pod.ts';
import { podsByNode, type World } from './plan.ts';

/** Counted in nodes: the oldest pod speaks for its node. */
export function daemonSetStatus(w: World, collisionCount: number | undefined): DaemonSetStatus {
  const { set, hash, nowMs } = w;
  const byNode = podsByNode(w);
  const nodes = [...w.nodes].map(([name, { shouldRun }]) => ({ shouldRun, pod: byNode.get(name)?.[0] }));
  const wanted = nodes.filter((n) => n.shouldRun);
  const pods = wanted.flatMap(({ pod }) => pod ?? []);
  const available = pods.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  return {
    currentNumberScheduled: pods.length,
    numberMisscheduled: nodes.filter((n) => !n.shouldRun && n.pod).length,
    desiredNumberScheduled: wanted.length,
    numberReady: pods.filter(isPodReady).length,
    observedGeneration: set.metadata.generation,
    ...told({
      updatedNumberScheduled: pods.filter((pod) => pod.metadata.labels?.[hashLabel] === hash).length,
      numberAvailable: available,
      numberUnavailable: wanted.length - available,
    }),
    collisionCount,
    conditions: set.status?.conditions,
  };
}

/** As Go's omitempty. */
const told = (counters: Partial<DaemonSetStatus>): Partial<DaemonSetStatus> =>
  Object.fromEntries(Object.entries(counters).filter(([, n]) => n !== 0));
