import { milliValue, wholeValue } from '../api/meta/quantity.ts';

/**
 * Amounts by resource name as plain numbers: `cpu` in thousandths of a core, everything else in its whole unit
 * (bytes, pieces). Exact up to 2^53.
 */
export type ResourceAmounts = Record<string, number>;

/** Quantities as the scheduler counts them: rounded up to the unit. Throws `QuantityError`. */
export function amountsOf(quantities: Record<string, string> | undefined): ResourceAmounts {
  const amounts: ResourceAmounts = {};
  for (const name in quantities) amounts[name] = amountOf(name, quantities[name] as string);
  return amounts;
}

function amountOf(name: string, quantity: string): number {
  return name === 'cpu' ? milliValue(quantity) : wholeValue(quantity);
}

/** `into += from`, by name. */
export function addAmounts(into: ResourceAmounts, from: ResourceAmounts): void {
  for (const name in from) into[name] = (into[name] ?? 0) + (from[name] as number);
}

/** `into = max(into, from)`, by name. */
export function maxAmounts(into: ResourceAmounts, from: ResourceAmounts): void {
  for (const name in from) into[name] = Math.max(into[name] ?? 0, from[name] as number);
}
