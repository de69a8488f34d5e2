/** A list of completion indexes as text: `1,3-5,7`. */

interface Interval {
  first: number;
  last: number;
}

function intervalOf(part: string, completions: number): Interval | string {
  const ends = part.split('-');
  if (ends.length > 2)
    return `the fragment "${part}" violates the requirement that an index interval can have at most two parts separated by '-'`;
  const numbers: number[] = [];
  for (const text of ends) {
    if (!/^[+-]?\d+$/.test(text)) return `cannot convert string to integer for index: "${text}"`;
    const n = Number(text);
    if (n >= completions) return `too large index: "${text}"`;
    numbers.push(n);
  }
  const [first = 0, last = first] = numbers;
  if (ends.length > 1 && first >= last) return `non-increasing order, previous: ${first}, current: ${last}`;
  return { first, last };
}

/** The intervals of a list, or what is wrong with it. They must rise, and stay below the number of completions. */
export function parseIndexes(text: string, completions: number): Interval[] | string {
  const intervals: Interval[] = [];
  if (text === '') return intervals;
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const interval = intervalOf(part, completions);
    if (typeof interval === 'string') return interval;
    if (previous !== undefined && previous >= interval.first)
      return `non-increasing order, previous: ${previous}, current: ${interval.first}`;
    previous = interval.last;
    intervals.push(interval);
  }
  return intervals;
}

export const countOf = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);

/** The first index that is in both lists. */
export function firstShared(a: readonly Interval[], b: readonly Interval[]): number | undefined {
  for (const one of a)
    for (const other of b) {
      const shared = Math.max(one.first, other.first);
      if (shared <= Math.min(one.last, other.last)) return shared;
    }
  return undefined;
}
