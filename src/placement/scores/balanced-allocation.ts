import { cpuColumn, memoryColumn, type ResourceColumn } from '../resource-columns.ts';
import { maxScore, type NodeScore } from './node-score.ts';

/** Prefers nodes whose cpu and memory fill up evenly. Silent for pods that ask for neither. */
export const balancedAllocation: NodeScore = {
  prepare({ snapshot, requirement }) {
    const cpuAsked = requirement.requests['cpu'] ?? 0;
    const memoryAsked = requirement.requests['memory'] ?? 0;
    if (!cpuAsked && !memoryAsked) return undefined;
    const cpu = snapshot.resources.all[cpuColumn] as ResourceColumn;
    const memory = snapshot.resources.all[memoryColumn] as ResourceColumn;
    return (slot) => {
      const cpuShare = share((cpu.requested[slot] as number) + cpuAsked, cpu.allocatable[slot] as number);
      const memoryShare = share((memory.requested[slot] as number) + memoryAsked, memory.allocatable[slot] as number);
      // With one of the two there is nothing to balance.
      const deviation = cpuShare < 0 || memoryShare < 0 ? 0 : Math.abs(cpuShare - memoryShare) / 2;
      return Math.trunc((1 - deviation) * maxScore);
    };
  },
};

/** -1 stands for "the node offers none". */
const share = (used: number, allocatable: number): number => (allocatable === 0 ? -1 : Math.min(used / allocatable, 1));
