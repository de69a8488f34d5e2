import type { Pod } from '../../api/generated/types.ts';
import { milliValue } from '../../api/meta/quantity.ts';
import { isPodReady } from '../pod-state.ts';
import type { PodSamples } from './metrics.ts';
import { groupPods } from './pod-groups.ts';

/** How far use may be off its target before anything is done: 0.1 is a tenth. */
export interface Tolerances {
  up: number;
  down: number;
}

export interface Situation {
  currentReplicas: number;
  pods: Pod[];
  tolerances: Tolerances;
  nowMs: number;
}

export interface Proposal {
  replicas: number;
  /** What is told of the metric: a percentage, or thousandths per pod. */
  utilization?: number;
  milliPerPod?: number;
}

const isWithin = (ratio: number, { up, down }: Tolerances): boolean => 1 - down <= ratio && ratio <= 1 + up;
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** Floating point must not add a pod: 1.1 × 10 is 11. */
const ceil = (n: number): number => Math.ceil(n - 1e-9);

export interface PodAverage {
  samples: PodSamples;
  /** `cpu` is not believed while pods start; empty for metrics that are no resource. */
  resource: string;
  /** By pod: what 1 of the ratio means. */
  targetOf(samples: ReadonlyMap<string, number>): number;
  /** What a pod without a sample is taken to use when the others use little; nothing when they use much. */
  assumed(pod: string): number;
}

/**
 * Replicas by what pods use on average, against a target. Pods without a sample and pods that start are counted in the way
 * that changes least. Pure: KEP-117 and its successors.
 */
export function replicasByPods(s: Situation, average: PodAverage): { replicas: number; used: Map<string, number> } {
  if (s.pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const { samples, resource } = average;
  const { ready, unready, missing, ignored } = groupPods(s.pods, samples, { resource, nowMs: s.nowMs });
  const used = new Map([...samples].map(([name, { milli }]) => [name, milli]));
  for (const name of [...ignored, ...unready]) used.delete(name);
  if (used.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const ratio = sum(used.values()) / average.targetOf(used);
  const measured = new Map(used);
  const countsStarting = unready.size > 0 && ratio > 1;
  if (!countsStarting && missing.size === 0) {
    return { replicas: isWithin(ratio, s.tolerances) ? s.currentReplicas : ceil(ratio * ready), used: measured };
  }
  if (ratio < 1) for (const name of missing) used.set(name, average.assumed(name));
  else if (ratio > 1) for (const name of missing) used.set(name, 0);
  if (countsStarting) for (const name of unready) used.set(name, 0);
  return {
    replicas: corrected(s, { ratio, next: sum(used.values()) / average.targetOf(used), count: used.size }),
    used: measured,
  };
}

/** With the assumptions made: never in the other direction than the samples said, nor than the ratio now says. */
function corrected(s: Situation, { ratio, next, count }: { ratio: number; next: number; count: number }): number {
  const turned = (ratio < 1 && next > 1) || (ratio > 1 && next < 1);
  if (isWithin(next, s.tolerances) || turned) return s.currentReplicas;
  const replicas = ceil(next * count);
  const isAgainst = (next < 1 && replicas > s.currentReplicas) || (next > 1 && replicas < s.currentReplicas);
  return isAgainst ? s.currentReplicas : replicas;
}

/** By a share of what pods request. */
export function byUtilization(
  s: Situation,
  {
    samples,
    resource,
    percent,
    container,
  }: { samples: PodSamples; resource: string; percent: number; container?: string },
): Proposal {
  const requests = new Map(s.pods.map((pod) => [pod.metadata.name, requestOf(pod, resource, container)]));
  const requested = (pods: Iterable<string>) => sum([...pods].map((name) => requests.get(name) ?? 0));
  const { replicas, used } = replicasByPods(s, {
    samples,
    resource,
    targetOf: (of) => (requested(of.keys()) * percent) / 100,
    // All of what they request, or what is aimed at when that is more.
    assumed: (name) => ((requests.get(name) ?? 0) * Math.max(100, percent)) / 100,
  });
  const total = sum(used.values());
  const utilization = Math.trunc((total * 100) / requested(used.keys()));
  return { replicas, utilization, milliPerPod: Math.trunc(total / used.size) };
}

function requestOf({ metadata, spec }: Pod, resource: string, container: string | undefined): number {
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  const chosen = [...spec.containers, ...sidecars].filter((c) => container === undefined || c.name === container);
  const atPod = container === undefined ? spec.resources?.requests?.[resource] : undefined;
  if (atPod !== undefined) return milliValue(atPod);
  return sum(
    chosen.map((c) => {
      const text = c.resources?.requests?.[resource];
      if (text === undefined)
        throw new Error(`missing request for ${resource} in container ${c.name} of Pod ${metadata.name}`);
      return milliValue(text);
    }),
  );
}

/** By an amount per pod. */
export function byAmountPerPod(
  s: Situation,
  { samples, resource, targetMilli }: { samples: PodSamples; resource: string; targetMilli: number },
): Proposal {
  const targetOf = (of: ReadonlyMap<string, number>) => of.size * targetMilli;
  const { replicas, used } = replicasByPods(s, { samples, resource, targetOf, assumed: () => targetMilli });
  return { replicas, milliPerPod: Math.trunc(sum(used.values()) / used.size) };
}

/** By one number against a target: as many more pods as it is more than its target. */
export function byValue(s: Situation, milli: number, targetMilli: number): number {
  const ratio = milli / targetMilli;
  if (s.currentReplicas === 0) return ceil(ratio);
  if (isWithin(ratio, s.tolerances)) return s.currentReplicas;
  return ceil(ratio * s.pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length);
}

/** By one number divided among the pods. */
export function byShare(s: Situation, milli: number, targetMilli: number): Proposal {
  const { currentReplicas } = s;
  const ratio = milli / (targetMilli * currentReplicas);
  const replicas = isWithin(ratio, s.tolerances) ? currentReplicas : ceil(milli / targetMilli);
  return { replicas, milliPerPod: ceil(milli / Math.max(1, currentReplicas)) };
}
