import { StatusError } from '../api/meta/status-error.ts';

/** A copy as it would come over the wire. */
export const jsonCopy = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** The same, but refuses (BadRequest) a value that arrives as another than it was: a Date, NaN, a hole in an array. */
export function checkedJsonCopy(value: unknown): unknown {
  const copy = jsonCopy(value);
  const path = firstDifference(value, copy, '');
  if (path === undefined) return copy;
  throw StatusError.of('BadRequest', `the object cannot be sent as JSON: ${path || '.'} would arrive as another value`);
}

/** The path of the first value that JSON changed. Members that are undefined are absent on both sides. */
function firstDifference(sent: unknown, arrived: unknown, path: string): string | undefined {
  if (Object.is(sent, arrived)) return undefined;
  if (typeof sent !== 'object' || sent === null || typeof arrived !== 'object' || arrived === null) return path;
  if (Array.isArray(sent)) {
    if (!Array.isArray(arrived)) return path;
    return firstOf(sent.keys(), (i) => firstDifference(sent[i], arrived[i], `${path}[${i}]`));
  }
  if (!isPlain(sent)) return path;
  return firstOf(Object.keys(sent), (key) =>
    firstDifference(sent[key as never], arrived[key as never], `${path}.${key}`),
  );
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of any realm: test runners give tests globals of their own. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
