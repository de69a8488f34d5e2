/** First and last, both included. */
export type Range = readonly [first: number, last: number];

/** The same numbers in ranges that neither overlap nor touch, in order. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else if (first <= last) merged.push([first, last]);
  }
  return merged;
}

/** What is in the range and in none of the holes. */
export function withoutHoles([first, last]: Range, holes: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = first;
  for (const [from, to] of mergeRanges(holes)) {
    if (to < next) continue;
    if (from > last) break;
    if (from > next) left.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= last) left.push([next, last]);
  return left;
}
