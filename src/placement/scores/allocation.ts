import type { Snapshot } from '../snapshot.ts';
import type { PodRequirement } from '../pod-requirement.ts';
import { maxScore, type NodeScore } from './node-score.ts';

/** A resource that is looked at, and how much it counts. */
export interface WeightedResource {
  name: string;
  weight?: number;
}

/** `scoringStrategy` of NodeResourcesFitArgs (kubescheduler.config.k8s.io/v1). */
export interface ScoringStrategy {
  type?: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  resources?: readonly WeightedResource[];
  requestedToCapacityRatio?: { shape: readonly { utilization: number; score: number }[] };
}

export const defaultResources: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** Of a resource, 0 to 100: how well it is that `used` of `offered` are in use. Whole numbers, as upstream. */
type RateShare = (used: number, offered: number) => number;

const rates = {
  /** Empty nodes first. */
  LeastAllocated: () => (used: number, offered: number) =>
    used > offered ? 0 : Math.trunc(((offered - used) * maxScore) / offered),
  /** Full nodes first. */
  MostAllocated: () => (used: number, offered: number) => Math.trunc((Math.min(used, offered) * maxScore) / offered),
  /** As a line through points says. */
  RequestedToCapacityRatio: ({ requestedToCapacityRatio }: ScoringStrategy) => {
    const points = (requestedToCapacityRatio?.shape ?? []).map(({ utilization, score }) => ({
      x: utilization,
      y: score * 10,
    }));
    return (used: number, offered: number) =>
      onLine(points, used > offered ? 100 : 100 - Math.trunc(((offered - used) * 100) / offered));
  },
} satisfies Record<string, (strategy: ScoringStrategy) => RateShare>;

function onLine(points: readonly { x: number; y: number }[], x: number): number {
  const at = points.findIndex((point) => x <= point.x);
  const [before, after] = [points[at - 1], points[at]];
  if (!after) return points.at(-1)?.y ?? 0;
  if (!before) return after.y;
  return before.y + Math.trunc(((after.y - before.y) * (x - before.x)) / (after.x - before.x));
}

/** How a node's resources would be in use with the pod on it (NodeResourcesFit). */
export function allocation(strategy: ScoringStrategy = {}): NodeScore {
  const { type = 'LeastAllocated', resources = defaultResources } = strategy;
  const rate = rates[type](strategy);
  const isRatio = type === 'RequestedToCapacityRatio';
  return {
    local: true,
    prepare({ snapshot, requirement }) {
      const parts = usedResources(snapshot, requirement, resources);
      return (slot) => {
        let sum = 0;
        let weights = 0;
        for (let i = 0; i < parts.length; i++) {
          const { used, offered, asked, weight } = parts[i] as UsedResource;
          const capacity = offered[slot] as number;
          if (capacity === 0) continue;
          const score = rate((used[slot] as number) + asked, capacity);
          sum += score * weight;
          if (!isRatio || score > 0) weights += weight;
        }
        if (weights === 0) return 0;
        return isRatio ? Math.round(sum / weights) : Math.trunc(sum / weights);
      };
    },
  };
}

/** Empty nodes first: the default profile's. */
export const leastAllocated: NodeScore = allocation();

interface UsedResource {
  used: Float64Array;
  offered: Float64Array;
  asked: number;
  weight: number;
}

/** Cpu and memory with the assumed requests of pods that state none; others only where the pod asks for them. */
function usedResources(
  { resources: columns }: Snapshot,
  { requests, scored }: PodRequirement,
  resources: readonly WeightedResource[],
): UsedResource[] {
  return resources.flatMap(({ name, weight = 1 }) => {
    const column = columns.all[columns.indexOf(name)];
    if (!column) return [];
    const offered = column.allocatable;
    if (name === 'cpu') return [{ used: columns.scoredCpu, offered, asked: scored.cpu, weight }];
    if (name === 'memory') return [{ used: columns.scoredMemory, offered, asked: scored.memory, weight }];
    const asked = requests[name] ?? 0;
    return asked > 0 ? [{ used: column.requested, offered, asked, weight }] : [];
  });
}
