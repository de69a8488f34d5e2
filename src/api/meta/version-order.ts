/** `v1`, `v2beta3`, `v1alpha1`; anything else is a name like any other. */
const pattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const ranks: Record<string, number> = { '': 2, beta: 1, alpha: 0 };

/**
 * The order in which versions of an API are preferred (CRD versioning, "Version priority"): GA before beta before alpha,
 * the higher number first; names of another form come last, in alphabetical order.
 */
export function compareVersions(a: string, b: string): number {
  const left = pattern.exec(a);
  const right = pattern.exec(b);
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  const rank = (match: RegExpExecArray): number => ranks[match[2] ?? ''] as number;
  const number = (text: string | undefined): number => Number(text ?? 0);
  return rank(right) - rank(left) || number(right[1]) - number(left[1]) || number(right[3]) - number(left[3]);
}
