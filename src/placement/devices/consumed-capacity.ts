import type { CapacityRequestPolicy, CapacityRequestPolicyRange, Device } from '../../api/generated/types.ts';
import { parseQuantity, type Quantity } from '../../api/meta/quantity.ts';

/** Amounts by the names of a device's capacities. */
export type Capacities = Readonly<Record<string, Quantity>>;

/** What a request takes of each of a device's capacities (KEP-5075); undefined: the device has too little, or lacks one. */
export function consumedCapacity(
  { capacity = {} }: Device,
  requests: Readonly<Record<string, string>> = {},
): Capacities | undefined {
  if (Object.keys(requests).some((name) => !Object.hasOwn(capacity, name))) return undefined;
  const consumed: Record<string, Quantity> = {};
  for (const [name, { value, requestPolicy }] of Object.entries(capacity)) {
    const whole = parseQuantity(value);
    const asked = Object.hasOwn(requests, name) ? parseQuantity(requests[name] as string) : undefined;
    const amount = asked ? rounded(asked, requestPolicy) : parseQuantity(requestPolicy?.default ?? value);
    if (!amount || amount.nanos > whole.nanos) return undefined;
    consumed[name] = amount;
  }
  return consumed;
}

/** The next amount that the policy allows; undefined: there is none so large. */
function rounded(asked: Quantity, { validRange, validValues }: CapacityRequestPolicy = {}): Quantity | undefined {
  if (validRange) return inRange(asked, validRange);
  if (!validValues?.length) return asked;
  const large = validValues.map(parseQuantity).filter(({ nanos }) => nanos >= asked.nanos);
  return large.reduce<Quantity | undefined>(
    (least, one) => (least && least.nanos <= one.nanos ? least : one),
    undefined,
  );
}

function inRange(asked: Quantity, { min, max, step }: CapacityRequestPolicyRange): Quantity | undefined {
  const least = parseQuantity(min);
  if (asked.nanos <= least.nanos) return least;
  const stride = step ? parseQuantity(step).nanos : 1n;
  const steps = (asked.nanos - least.nanos + stride - 1n) / stride;
  const nanos = least.nanos + steps * stride;
  return max && nanos > parseQuantity(max).nanos ? undefined : { ...asked, nanos };
}
