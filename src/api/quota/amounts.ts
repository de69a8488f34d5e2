import { addQuantity, formatQuantity, parseQuantity, type Quantity } from '../meta/quantity.ts';

/** Amounts by resource name: `requests.cpu`, `pods`, `count/deployments.apps`. */
export type Amounts = Record<string, Quantity>;

export const one: Quantity = { nanos: 1_000_000_000n, format: 'DecimalSI' };
export const whole = (n: number): Quantity => ({ nanos: BigInt(n) * one.nanos, format: 'DecimalSI' });

export const readAmounts = (texts: Record<string, string> | undefined): Amounts =>
  Object.fromEntries(Object.entries(texts ?? {}).map(([name, text]) => [name, parseQuantity(text)]));

export const writeAmounts = (amounts: Amounts): Record<string, string> =>
  Object.fromEntries(Object.entries(amounts).map(([name, q]) => [name, formatQuantity(q)]));

/** Adds `more` to `sums`, in place. */
export function addTo(sums: Amounts, more: Amounts): void {
  for (const [name, q] of Object.entries(more)) {
    const sum = sums[name];
    sums[name] = sum ? addQuantity(sum, q) : q;
  }
}

/** Raises `peaks` to at least `other`, in place. */
export function raiseTo(peaks: Amounts, other: Amounts): void {
  for (const [name, q] of Object.entries(other)) {
    const peak = peaks[name];
    if (!peak || peak.nanos < q.nanos) peaks[name] = q;
  }
}

/** `a` without `b`; what is the same in both is left out. */
export function difference(a: Amounts, b: Amounts): Amounts {
  const rest: Amounts = {};
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [x, y] = [a[name], b[name]];
    const nanos = (x?.nanos ?? 0n) - (y?.nanos ?? 0n);
    if (nanos !== 0n) rest[name] = { nanos, format: (x ?? y ?? one).format };
  }
  return rest;
}

export const only = (amounts: Amounts, names: ReadonlySet<string>): Amounts =>
  Object.fromEntries(Object.entries(amounts).filter(([name]) => names.has(name)));

/** `cpu=2,memory=1Gi`: how errors tell amounts. */
export const amountsText = (amounts: Amounts): string =>
  Object.keys(amounts)
    .sort()
    .map((name) => `${name}=${formatQuantity(amounts[name] as Quantity)}`)
    .join(',');
