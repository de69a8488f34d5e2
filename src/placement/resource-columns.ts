import { type ResourceAmounts } from './resource-amounts.ts';

/** Of the columns that every snapshot has (cpu, memory, pods), the last. */
export const podsColumn = 2;

/** One resource over all node slots. */
export interface ResourceColumn {
  readonly name: string;
  allocatable: Float64Array;
  requested: Float64Array;
}

/** A pod's requests, bound to columns: `amounts[i]` is asked of column `columns[i]`. */
export interface BoundRequests {
  readonly columns: Int32Array;
  readonly amounts: Float64Array;
}

/** What nodes offer and what their pods ask, one pair of typed arrays for each resource that was ever named. */
export class ResourceColumns {
  readonly all: ResourceColumn[] = [];
  /** Sums with the assumed requests (see `podRequestsForScoring`). */
  scoredCpu: Float64Array;
  scoredMemory: Float64Array;
  readonly #index = new Map<string, number>();
  #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.scoredCpu = new Float64Array(capacity);
    this.scoredMemory = new Float64Array(capacity);
    for (const name of ['cpu', 'memory', 'pods']) this.indexOf(name);
  }

  /** The column of a resource; made when the name is first seen. */
  indexOf(name: string): number {
    let index = this.#index.get(name);
    if (index === undefined) {
      index = this.all.length;
      this.#index.set(name, index);
      const zeros = () => new Float64Array(this.#capacity);
      this.all.push({ name, allocatable: zeros(), requested: zeros() });
    }
    return index;
  }

  /** Requests of zero ask nothing and are left out. */
  bind(requests: ResourceAmounts): BoundRequests {
    const names = Object.keys(requests).filter((name) => requests[name]);
    return {
      columns: Int32Array.from(names, (name) => this.indexOf(name)),
      amounts: Float64Array.from(names, (name) => requests[name] as number),
    };
  }

  setAllocatable(slot: number, allocatable: ResourceAmounts): void {
    for (const name in allocatable) this.indexOf(name);
    for (const column of this.all) column.allocatable[slot] = allocatable[column.name] ?? 0;
  }

  /** Adds (`sign` 1) or takes away (-1) one pod's requests. */
  count(slot: number, requests: BoundRequests, sign: 1 | -1): void {
    for (let i = 0; i < requests.columns.length; i++) {
      const column = this.all[requests.columns[i] as number] as ResourceColumn;
      column.requested[slot] = (column.requested[slot] as number) + sign * (requests.amounts[i] as number);
    }
    const pods = (this.all[podsColumn] as ResourceColumn).requested;
    pods[slot] = (pods[slot] as number) + sign;
  }

  countForScoring(slot: number, requests: { cpu: number; memory: number }, sign: 1 | -1): void {
    this.scoredCpu[slot] = (this.scoredCpu[slot] as number) + sign * requests.cpu;
    this.scoredMemory[slot] = (this.scoredMemory[slot] as number) + sign * requests.memory;
  }

  clear(slot: number): void {
    this.scoredCpu[slot] = 0;
    this.scoredMemory[slot] = 0;
    for (const column of this.all) {
      column.allocatable[slot] = 0;
      column.requested[slot] = 0;
    }
  }

  grow(capacity: number): void {
    const longer = (old: Float64Array) => {
      const next = new Float64Array(capacity);
      next.set(old);
      return next;
    };
    this.#capacity = capacity;
    this.scoredCpu = longer(this.scoredCpu);
    this.scoredMemory = longer(this.scoredMemory);
    for (const column of this.all) {
      column.allocatable = longer(column.allocatable);
      column.requested = longer(column.requested);
    }
  }
}
