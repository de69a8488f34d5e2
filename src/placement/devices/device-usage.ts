import type { ResourceResourceClaim } from '../../api/generated/types.ts';
import { parseQuantity } from '../../api/meta/quantity.ts';
import type { Capacities } from './consumed-capacity.ts';

/** One for each device of the cluster. */
export const deviceKey = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

interface Holders {
  /** Who has it for himself. */
  alone: number;
  shares: number;
  /** By all shares together, in nanos. */
  readonly consumed: Map<string, bigint>;
}

/** Who has which device: kept current claim by claim, never counted anew. What is had for administration does not count. */
export class DeviceUsage {
  readonly #holders = new Map<string, Holders>();

  /** A claim changed. */
  replace(now: ResourceResourceClaim | undefined, old: ResourceResourceClaim | undefined): void {
    const before = old?.status?.allocation;
    const after = now?.status?.allocation;
    if (before === after) return;
    for (const { key, consumed } of heldBy(before)) this.giveBack(key, consumed);
    for (const { key, consumed } of heldBy(after)) this.take(key, consumed);
  }

  /** `consumed`: it is a share. */
  take(key: string, consumed: Capacities | undefined): void {
    const holders = this.#holders.get(key) ?? { alone: 0, shares: 0, consumed: new Map<string, bigint>() };
    this.#holders.set(key, holders);
    change(holders, consumed, 1);
  }

  giveBack(key: string, consumed: Capacities | undefined): void {
    const holders = this.#holders.get(key);
    if (!holders) return;
    change(holders, consumed, -1);
    if (holders.alone + holders.shares <= 0) this.#holders.delete(key);
  }

  isHeld(key: string): boolean {
    return this.#holders.has(key);
  }

  isHeldAlone(key: string): boolean {
    return (this.#holders.get(key)?.alone ?? 0) > 0;
  }

  /** Of one capacity, by all who share the device; nanos. */
  consumed(key: string, capacity: string): bigint {
    return this.#holders.get(key)?.consumed.get(capacity) ?? 0n;
  }
}

function change(holders: Holders, consumed: Capacities | undefined, sign: 1 | -1): void {
  if (!consumed) {
    holders.alone += sign;
    return;
  }
  holders.shares += sign;
  for (const [name, { nanos }] of Object.entries(consumed))
    holders.consumed.set(name, (holders.consumed.get(name) ?? 0n) + BigInt(sign) * nanos);
}

type Allocation = NonNullable<ResourceResourceClaim['status']>['allocation'];

function heldBy(allocation: Allocation): { key: string; consumed: Capacities | undefined }[] {
  return (allocation?.devices?.results ?? [])
    .filter(({ adminAccess }) => !adminAccess)
    .map(({ driver, pool, device, shareID, consumedCapacity = {} }) => ({
      key: deviceKey(driver, pool, device),
      consumed: shareID
        ? Object.fromEntries(Object.entries(consumedCapacity).map(([name, text]) => [name, parseQuantity(text)]))
        : undefined,
    }));
}
