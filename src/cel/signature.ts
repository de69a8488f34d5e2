import * as t from './types.ts';
import type { Type } from './types.ts';
import type { Value } from './values.ts';

/** One way to call a function. */
export interface Overload {
  name: string;
  /** Called as `target.name(…)`; the target is the first of the parameters. */
  member: boolean;
  params: Type[];
  result: Type;
  run(...args: Value[]): Value;
  /** What a call costs beyond one unit, by the sizes of its arguments: actual ones, or the largest there can be. */
  work?: Sizes | undefined;
  /** The size of the result; what is not said is taken for small. */
  size?: Sizes | undefined;
}

type Sizes = (...sizes: number[]) => number;

// biome-ignore lint/suspicious/noExplicitAny: the signature says what a function gets
type Run = (...args: any[]) => Value;

/** `string.contains(string): bool`, `size(list<A>): int`: a function with its types. */
export function fn(signature: string, run: Run, costs: { work?: Sizes; size?: Sizes } = {}): Overload {
  const match = /^(?:(.+)\.)?([^.(]+)\((.*)\): (.+)$/.exec(signature);
  if (!match) throw new Error(`not a signature: ${signature}`);
  const [, target, name = '', params = '', result = ''] = match;
  const types = splitTypes(params).map(parseType);
  const isMember = target !== undefined && !namespaces.has(target);
  return {
    name: target === undefined || isMember ? name : `${target}.${name}`,
    member: isMember,
    params: isMember ? [parseType(target), ...types] : types,
    result: parseType(result),
    run,
    ...costs,
  };
}

/** What stands before a function's name without being a value. */
const namespaces = new Set(['optional', 'math', 'sets', 'lists', 'base64', 'strings', 'ip', 'format', 'jsonpatch']);

/** Commas separate types, save within angle brackets. */
function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return text.trim() === '' ? [] : [...parts, text.slice(start).trim()];
}

const named: Record<string, Type> = {
  int: t.int,
  uint: t.uint,
  double: t.double,
  bool: t.bool,
  string: t.string,
  bytes: t.bytes,
  null: t.nullType,
  timestamp: t.timestamp,
  duration: t.duration,
  dyn: t.dyn,
  type: t.typeType,
};

export function parseType(text: string): Type {
  const known = named[text];
  if (known) return known;
  const generic = /^(list|map|optional)<(.*)>$/.exec(text);
  if (!generic) return text.length === 1 ? t.param(text) : t.opaque(text);
  const [first = t.dyn, second = t.dyn] = splitTypes(generic[2] as string).map(parseType);
  if (generic[1] === 'list') return t.list(first);
  return generic[1] === 'map' ? t.map(first, second) : t.optional(first);
}
