import { parseJson, toJson } from '../base/lossless-json.ts';
import { type JsonObject, setMember } from '../api/meta/json.ts';
import { StatusError } from '../api/meta/status-error.ts';

/** A copy as it would come over the wire. */
export function jsonCopy(value: unknown): unknown {
  const copy = plainCopy(value);
  return copy === notPlain ? throughText(value) : copy;
}

/** The same, but refuses (BadRequest) a value that arrives as another than it was: a Date, NaN, a hole in an array. */
export function checkedJsonCopy(value: unknown): unknown {
  const copy = plainCopy(value);
  if (copy !== notPlain) return copy;
  const arrived = throughText(value);
  const path = firstDifference(value, arrived, '');
  if (path === undefined) return arrived;
  throw StatusError.of('BadRequest', `the object cannot be sent as JSON: ${path || '.'} would arrive as another value`);
}

/** Who owns what, as it was read: whoever sends it back means the stored list itself, which nobody can change. */
const isStored = (name: string, value: unknown): boolean => name === 'managedFields' && Object.isFrozen(value);

const throughText = (value: unknown): unknown => parseJson(toJson(value));

const notPlain = Symbol('not plain JSON');

/** What JSON's text would carry, without the text; `notPlain` where JSON would make another value of something. */
function plainCopy(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || value === null)
    return value;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : notPlain;
  if (typeof value !== 'object') return notPlain;
  if (Array.isArray(value)) return plainItems(value);
  if (!isPlain(value)) return notPlain;
  const copy: JsonObject = {};
  for (const name in value) {
    const sent: unknown = value[name as never];
    if (sent === undefined) continue;
    const member = isStored(name, sent) ? sent : plainCopy(sent);
    if (member === notPlain) return notPlain;
    setMember(copy, name, member);
  }
  return copy;
}

function plainItems(value: unknown[]): unknown {
  const copy: unknown[] = [];
  for (let i = 0; i < value.length; i++) {
    const item = plainCopy(value[i]);
    if (item === notPlain) return notPlain;
    copy.push(item);
  }
  return copy;
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
