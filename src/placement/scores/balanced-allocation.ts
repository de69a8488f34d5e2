import { defaultResources, type WeightedResource } from './allocation.ts';
import { maxScore, type NodeScore } from './node-score.ts';

/** Prefers nodes whose resources fill up evenly. Silent for pods that ask for none of them. */
export function balancedAllocationOf(resources: readonly WeightedResource[]): NodeScore {
  return {
    local: true,
    prepare({ snapshot, requirement }) {
      const asked = resources.map(({ name }) => requirement.requests[name] ?? 0);
      if (asked.every((amount) => amount === 0)) return undefined;
      const columns = resources.map(({ name }) => snapshot.resources.all[snapshot.resources.indexOf(name)]);
      const shares = new Float64Array(resources.length);
      return (slot) => {
        let count = 0;
        for (let i = 0; i < columns.length; i++) {
          const allocatable = columns[i]?.allocatable[slot] as number;
          // With one that the node does not offer there is nothing to balance.
          if (allocatable === 0) continue;
          const used = (columns[i]?.requested[slot] as number) + (asked[i] as number);
          shares[count++] = Math.min(used / allocatable, 1);
        }
        return Math.trunc((1 - deviation(shares, count)) * maxScore);
      };
    },
  };
}

export const balancedAllocation: NodeScore = balancedAllocationOf(defaultResources);

/** The standard deviation of the first `count`. */
function deviation(shares: Float64Array, count: number): number {
  if (count < 2) return 0;
  if (count === 2) return Math.abs((shares[0] as number) - (shares[1] as number)) / 2;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += shares[i] as number;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += ((shares[i] as number) - sum / count) ** 2;
  return Math.sqrt(squares / count);
}
