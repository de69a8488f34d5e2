import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import { resolveShare } from '../int-or-percent.ts';
import { isPodAvailable, isPodReady, isPodTerminal } from '../pod-state.ts';
import { hasIdentity, isInRange, ordinalOf, replicasOf, revisionOf, startOf } from './identity.ts';

export interface World {
  set: StatefulSet;
  /** Members only. */
  pods: Pod[];
  /** Names of the revision that was rolled out last, and of the present template. */
  currentRevision: string;
  updateRevision: string;
  nowMs: number;
}

export type Step =
  | { do: 'create'; ordinal: number; revision: string }
  | { do: 'delete'; pod: Pod }
  /** Give an adopted pod its labels and volumes. */
  | { do: 'identify'; pod: Pod }
  /** It waits: perhaps for a claim that was deleted. */
  | { do: 'ensureClaims'; ordinal: number };

export const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);
const isHealthy = (pod: Pod): boolean => isRunningAndReady(pod) && !isGoing(pod);

/**
 * What to do now. In order (OrderedReady) one thing at a time, each only when all before it are available; Parallel does
 * not wait when scaling. Updates go from the highest ordinal down, with at most `maxUnavailable` pods away.
 */
export function plan(w: World): Step[] {
  if (w.set.metadata.deletionTimestamp) return [];
  const growth = planReplicas(w);
  if (growth.isBlocked) return growth.steps;
  const shrinkage = planCondemned(w);
  if (shrinkage.isBlocked) return [...growth.steps, ...shrinkage.steps];
  return [...growth.steps, ...shrinkage.steps, ...planUpdate(w)];
}

interface Part {
  steps: Step[];
  isBlocked: boolean;
}

const isOrdered = (set: StatefulSet): boolean => set.spec.podManagementPolicy !== 'Parallel';
const isAvailable = ({ set, nowMs }: World, pod: Pod): boolean =>
  isRunningAndReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);

function planReplicas(w: World): Part {
  const byOrdinal = new Map(w.pods.map((pod) => [ordinalOf(pod), pod]));
  const steps: Step[] = [];
  for (let i = 0; i < replicasOf(w.set); i++) {
    const ordinal = startOf(w.set) + i;
    const pod = byOrdinal.get(ordinal);
    const step = stepOf(w, ordinal, pod);
    if (step) steps.push(step);
    const waits = !pod || isGoing(pod) || !isAvailable(w, pod);
    if (waits && isOrdered(w.set)) return { steps, isBlocked: true };
  }
  return { steps, isBlocked: false };
}

function stepOf(w: World, ordinal: number, pod: Pod | undefined): Step | undefined {
  if (!pod) return { do: 'create', ordinal, revision: revisionFor(w, ordinal) };
  // The name can be had again only when the old pod is gone.
  if (isPodTerminal(pod)) return isGoing(pod) ? undefined : { do: 'delete', pod };
  if (isGoing(pod)) return undefined;
  if (!hasIdentity(w.set, pod)) return { do: 'identify', pod };
  return pod.status?.phase === 'Pending' ? { do: 'ensureClaims', ordinal } : undefined;
}

/** Pods below the partition are made again as they were. */
function revisionFor({ set, currentRevision, updateRevision }: World, ordinal: number): string {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return updateRevision;
  return ordinal < startOf(set) + (rollingUpdate?.partition ?? 0) ? currentRevision : updateRevision;
}

/** Pods outside the range go, the highest first. */
function planCondemned(w: World): Part {
  const condemned = w.pods.filter((pod) => !isInRange(w.set, ordinalOf(pod))).sort(descending);
  const firstUnhealthy = [...w.pods].sort((a, b) => ordinalOf(a) - ordinalOf(b)).find((pod) => !isHealthy(pod));
  const steps: Step[] = [];
  for (const pod of condemned) {
    const ordered = isOrdered(w.set);
    if (isGoing(pod)) {
      if (ordered) return { steps, isBlocked: true };
      continue;
    }
    // One that is not healthy may be the reason why the set shrinks: it can go when it is the only one.
    if (ordered && !isAvailable(w, pod) && pod !== firstUnhealthy) return { steps, isBlocked: true };
    steps.push({ do: 'delete', pod });
    if (ordered) return { steps, isBlocked: true };
  }
  return { steps, isBlocked: false };
}

/** KEP-961: pods that are away are counted, save those of an older revision that never came up: they are replaced. */
function planUpdate(w: World): Step[] {
  const { type, rollingUpdate } = w.set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const lowest = startOf(w.set) + (rollingUpdate?.partition ?? 0);
  const wanted = resolveShare(rollingUpdate?.maxUnavailable ?? 1, replicasOf(w.set), Math.floor);
  const byOrdinal = new Map(w.pods.map((pod) => [ordinalOf(pod), pod]));
  const steps: Step[] = [];
  let budget = Math.max(1, wanted);
  for (let ordinal = startOf(w.set) + replicasOf(w.set) - 1; ordinal >= lowest && budget > 0; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod && !isGoing(pod) && isAvailable(w, pod) && revisionOf(pod) === w.updateRevision) continue;
    budget--;
    if (pod && !isGoing(pod) && !isPodTerminal(pod) && revisionOf(pod) !== w.updateRevision)
      steps.push({ do: 'delete', pod });
  }
  return steps;
}

const descending = (a: Pod, b: Pod): number => ordinalOf(b) - ordinalOf(a);
