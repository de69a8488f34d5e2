/** An IntOrString that is a number of `of`, or a percentage of it. `round` says which way: a surge up, a loss down. */
export function resolveShare(value: number | string | undefined, of: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  // Integers first: 0.1 * 30 is not 3 in binary.
  return round((Number.parseInt(value ?? '0', 10) * of) / 100);
}
