import type { Device, ResourceSlice } from '../../api/generated/types.ts';
import { parseQuantity } from '../../api/meta/quantity.ts';

/** The slices of a pool, and which of its devices somebody has. */
export interface CountedPool {
  readonly slices: readonly ResourceSlice[];
  isHeld(device: string): boolean;
}

/**
 * What is left of the counters that the devices of a pool share (KEP-4815): a GPU and its partitions draw on the same memory. A
 * device draws once, however many share it. Counted for one search, pool by pool when it is first asked for.
 */
export class SharedCounters {
  readonly #poolOf: (key: string) => CountedPool;
  readonly #left = new Map<string, Map<string, bigint>>();

  constructor(poolOf: (key: string) => CountedPool) {
    this.#poolOf = poolOf;
  }

  /** Draws what the device consumes. False: there is not enough left, nothing was drawn. */
  draw(pool: string, device: Device): boolean {
    if (!device.consumesCounters?.length) return true;
    const left = this.#of(pool);
    const drawn = [...drawnBy(device)];
    if (drawn.some(([counter, nanos]) => (left.get(counter) ?? -1n) < nanos)) return false;
    for (const [counter, nanos] of drawn) left.set(counter, (left.get(counter) as bigint) - nanos);
    return true;
  }

  putBack(pool: string, device: Device): void {
    const left = this.#left.get(pool);
    for (const [counter, nanos] of drawnBy(device)) left?.set(counter, (left.get(counter) as bigint) + nanos);
  }

  #of(pool: string): Map<string, bigint> {
    let left = this.#left.get(pool);
    if (left) return left;
    const { slices, isHeld } = this.#poolOf(pool);
    left = new Map();
    for (const { spec } of slices)
      for (const { name, counters } of spec.sharedCounters ?? [])
        for (const [counter, { value }] of Object.entries(counters))
          left.set(`${name}/${counter}`, parseQuantity(value).nanos);
    for (const { spec } of slices)
      for (const device of spec.devices ?? [])
        if (isHeld(device.name))
          for (const [counter, nanos] of drawnBy(device)) left.set(counter, (left.get(counter) ?? 0n) - nanos);
    this.#left.set(pool, left);
    return left;
  }
}

function* drawnBy({ consumesCounters = [] }: Device): Generator<[counter: string, nanos: bigint]> {
  for (const { counterSet, counters } of consumesCounters)
    for (const [counter, { value }] of Object.entries(counters))
      yield [`${counterSet}/${counter}`, parseQuantity(value).nanos];
}
