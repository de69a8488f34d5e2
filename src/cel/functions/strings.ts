import { compilePattern, type Pattern, PatternError } from '../../base/pattern.ts';
import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { CelList } from '../values.ts';
import { matched, searched, traversed } from './costs.ts';

const through = { work: (text: number) => traversed(text), size: (text: number) => text };
const search = { work: searched };
const chars = (text: string): string[] => [...text];

/** Expressions repeat their patterns for every element: the last ones are kept. */
const maxPatterns = 256;

/** Compiles patterns once for a set of functions. */
function patternCache(): (expression: string) => Pattern {
  const known = new Map<string, Pattern>();
  return (expression) => {
    const found = known.get(expression);
    if (found) return found;
    try {
      const pattern = compilePattern(expression);
      if (known.size >= maxPatterns) known.clear();
      known.set(expression, pattern);
      return pattern;
    } catch (error) {
      if (error instanceof PatternError) throw new EvaluationError(error.message);
      throw error;
    }
  };
}

function charAt(text: string, index: bigint): string {
  const all = chars(text);
  if (index < 0n || index > BigInt(all.length)) throw new EvaluationError(`index out of range: ${index}`);
  return all[Number(index)] ?? '';
}

/** Positions count characters. */
function indexOf(text: string, part: string, from = 0n): bigint {
  const all = chars(text);
  if (from < 0n || from > BigInt(all.length)) throw new EvaluationError(`index out of range: ${from}`);
  const start = all.slice(0, Number(from)).join('').length;
  const at = text.indexOf(part, start);
  return at < 0 ? -1n : BigInt(chars(text.slice(0, at)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const all = chars(text);
  if (from !== undefined && (from < 0n || from > BigInt(all.length)))
    throw new EvaluationError(`index out of range: ${from}`);
  const limit = from === undefined ? text.length : all.slice(0, Number(from)).join('').length;
  const at = text.lastIndexOf(part, limit);
  return at < 0 ? -1n : BigInt(chars(text.slice(0, at)).length);
}

function substring(text: string, from: bigint, to?: bigint): string {
  const all = chars(text);
  const end = to ?? BigInt(all.length);
  if (from < 0n || from > BigInt(all.length)) throw new EvaluationError(`index out of range: ${from}`);
  if (end < 0n || end > BigInt(all.length)) throw new EvaluationError(`index out of range: ${end}`);
  if (from > end) throw new EvaluationError(`invalid substring range. start: ${from}, end: ${end}`);
  return all.slice(Number(from), Number(end)).join('');
}

function replace(text: string, old: string, by: string, limit = -1n): string {
  if (limit < 0n) return text.split(old).join(by);
  let rest = text;
  let out = '';
  for (let left = limit; left > 0n; left--) {
    const at = rest.indexOf(old);
    if (at < 0) break;
    out += rest.slice(0, at) + by;
    rest = rest.slice(at + old.length);
  }
  return out + rest;
}

function split(text: string, separator: string, limit = -1n): CelList {
  const all = separator === '' ? chars(text) : text.split(separator);
  if (limit === 0n) return CelList.of([]);
  if (limit < 0n || BigInt(all.length) <= limit) return CelList.of(all);
  const head = all.slice(0, Number(limit) - 1);
  return CelList.of([...head, all.slice(Number(limit) - 1).join(separator)]);
}

const joined = (list: CelList, separator = ''): string => list.values().join(separator);

/** Only letters of ASCII. */
const lower = (text: string): string => text.replace(/[A-Z]/g, (c) => c.toLowerCase());
const upper = (text: string): string => text.replace(/[a-z]/g, (c) => c.toUpperCase());

const escapes: Record<string, string> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
const quote = (text: string): string => `"${[...text].map((c) => escapes[c] ?? c).join('')}"`;

function findAll(pattern: Pattern, text: string, limit: bigint): CelList {
  const found: string[] = [];
  for (let at = 0; at <= text.length && (limit < 0n || BigInt(found.length) < limit); ) {
    const match = pattern.find(text, at);
    if (!match) break;
    found.push(match.text);
    at = match.end > match.start ? match.end : match.end + 1;
  }
  return CelList.of(found);
}

/** Texts: the standard functions, cel-go's extension and Kubernetes' regular expressions. */
export function strings(): Overload[] {
  const pattern = patternCache();
  const match = (text: string, expression: string) => pattern(expression).test(text);
  return [
    fn('string.contains(string): bool', (text: string, part: string) => text.includes(part), search),
    fn('string.startsWith(string): bool', (text: string, part: string) => text.startsWith(part), {
      work: (_, part) => traversed(part),
    }),
    fn('string.endsWith(string): bool', (text: string, part: string) => text.endsWith(part), {
      work: (_, part) => traversed(part),
    }),
    fn('string.matches(string): bool', match, { work: matched }),
    fn('matches(string, string): bool', match, { work: matched }),
    fn(
      'string.find(string): string',
      (text: string, expression: string) => pattern(expression).find(text)?.text ?? '',
      {
        work: matched,
        size: (text) => text,
      },
    ),
    fn(
      'string.findAll(string): list<string>',
      (text: string, expression: string) => findAll(pattern(expression), text, -1n),
      {
        work: matched,
        size: (text) => text,
      },
    ),
    fn(
      'string.findAll(string, int): list<string>',
      (text: string, expression: string, limit: bigint) => findAll(pattern(expression), text, limit),
      {
        work: matched,
        size: (text) => text,
      },
    ),
    fn('string.charAt(int): string', charAt, { work: traversed }),
    fn('string.indexOf(string): int', (text: string, part: string) => indexOf(text, part), search),
    fn('string.indexOf(string, int): int', indexOf, search),
    fn('string.lastIndexOf(string): int', (text: string, part: string) => lastIndexOf(text, part), search),
    fn('string.lastIndexOf(string, int): int', lastIndexOf, search),
    fn('string.substring(int): string', (text: string, from: bigint) => substring(text, from), through),
    fn('string.substring(int, int): string', substring, through),
    fn('string.replace(string, string): string', (text: string, old: string, by: string) => replace(text, old, by), {
      work: searched,
      size: (text, _, by) => text * Math.max(1, by),
    }),
    fn('string.replace(string, string, int): string', replace, {
      work: searched,
      size: (text, _, by) => text * Math.max(1, by),
    }),
    fn('string.split(string): list<string>', (text: string, separator: string) => split(text, separator), through),
    fn('string.split(string, int): list<string>', split, through),
    // How long the elements are is not known: the result can be as long as anything.
    fn('list<string>.join(): string', (list: CelList) => joined(list), { work: (list) => list }),
    fn('list<string>.join(string): string', joined, {
      work: (list, separator) => list * Math.max(1, traversed(separator)),
    }),
    fn('string.lowerAscii(): string', lower, through),
    fn('string.upperAscii(): string', upper, through),
    fn('string.trim(): string', (text: string) => text.trim(), through),
    fn('string.reverse(): string', (text: string) => chars(text).reverse().join(''), through),
    fn('strings.quote(string): string', quote, through),
  ];
}
