import { cpuColumn, memoryColumn, type ResourceColumn } from '../resource-columns.ts';
import { maxScore, type NodeScore } from './node-score.ts';

/** Prefers the node with the most cpu and memory left, counting the assumed requests of pods that state none. */
export const leastAllocated: NodeScore = {
  prepare({ snapshot, requirement }) {
    const { scoredCpu, scoredMemory, all } = snapshot.resources;
    const cpu = (all[cpuColumn] as ResourceColumn).allocatable;
    const memory = (all[memoryColumn] as ResourceColumn).allocatable;
    const asked = requirement.scored;
    return (slot) => {
      const cpuLeft = free((scoredCpu[slot] as number) + asked.cpu, cpu[slot] as number);
      const memoryLeft = free((scoredMemory[slot] as number) + asked.memory, memory[slot] as number);
      // A node that offers none of a resource is judged by the other.
      const counted = (cpu[slot] ? 1 : 0) + (memory[slot] ? 1 : 0);
      return counted === 0 ? 0 : Math.trunc((cpuLeft + memoryLeft) / counted);
    };
  },
};

const free = (used: number, allocatable: number): number =>
  used >= allocatable ? 0 : Math.trunc(((allocatable - used) * maxScore) / allocatable);
