import type { StatefulSetStatus } from '../../api/generated/types.ts';
import { isPodAvailable } from '../pod-state.ts';
import { replicasOf, revisionOf } from './identity.ts';
import { isGoing, isRunningAndReady, type World } from './plan.ts';

/** The counters; when every pod has the new revision and is ready, that is the current one. */
export function statefulSetStatus(w: World, collisionCount: number | undefined): StatefulSetStatus {
  const { set, pods, nowMs } = w;
  const ready = pods.filter(isRunningAndReady);
  const staying = pods.filter((pod) => !isGoing(pod));
  const has = (revision: string) => staying.filter((pod) => revisionOf(pod) === revision).length;
  const updated = has(w.updateRevision);
  const wanted = replicasOf(set);
  const isRolledOut =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    [updated, pods.length, ready.length].every((count) => count === wanted);
  const currentRevision = isRolledOut ? w.updateRevision : w.currentRevision;
  return {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    ...counted({ readyReplicas: ready.length, currentReplicas: has(currentRevision), updatedReplicas: updated }),
    currentRevision,
    updateRevision: w.updateRevision,
    collisionCount: collisionCount ?? 0,
    conditions: set.status?.conditions,
    // Always told, also when it is 0.
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
  };
}

/** As Go's omitempty. */
const counted = (counters: Partial<StatefulSetStatus>): Partial<StatefulSetStatus> =>
  Object.fromEntries(Object.entries(counters).filter(([, n]) => n !== 0));
