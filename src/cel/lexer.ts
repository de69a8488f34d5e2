import { Uint } from './ast.ts';
import { CompileError } from './errors.ts';

export type Token =
  | { type: 'ident'; text: string; at: number }
  | { type: 'number'; value: bigint | number | Uint; at: number }
  | { type: 'string'; value: string; at: number }
  | { type: 'bytes'; value: Uint8Array; at: number }
  | { type: 'sign'; text: string; at: number }
  | { type: 'end'; at: number };

const signs = [
  '&&',
  '||',
  '==',
  '!=',
  '<=',
  '>=',
  '?.',
  '[?',
  '{?',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
  '!',
  '?',
  ':',
  '.',
  ',',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
];

const blank = /[ \t\n\r\f]+|\/\/[^\n]*/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;
const quotedIdentifier = /`[A-Za-z0-9_.\-/ ]+`/y;
const number = /0[xX][0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?|\d+[uU]?/y;
const text = /([rR]?[bB]?|[bB][rR])("""|'''|"|')/y;

/** The longest expression that is read. */
const maxLength = 100_000;

/** The tokens of an expression. Throws `CompileError`. */
export function tokens(source: string): Token[] {
  if (source.length > maxLength) throw fail(source, 0, 'expression code point size exceeds limit');
  const found: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  while (at < source.length) {
    const space = take(blank);
    if (space) {
      at += space[0].length;
      continue;
    }
    const token = next(source, at, take);
    found.push(token.token);
    at = token.end;
  }
  return [...found, { type: 'end', at: source.length }];
}

function next(
  source: string,
  at: number,
  take: (pattern: RegExp) => RegExpExecArray | null,
): { token: Token; end: number } {
  const quote = take(text);
  if (quote) return readText(source, at, quote);
  const name = take(identifier);
  if (name) return { token: { type: 'ident', text: name[0], at }, end: at + name[0].length };
  const escaped = take(quotedIdentifier);
  if (escaped) return { token: { type: 'ident', text: escaped[0].slice(1, -1), at }, end: at + escaped[0].length };
  const digits = take(number);
  if (digits)
    return { token: { type: 'number', value: numberOf(source, at, digits[0]), at }, end: at + digits[0].length };
  const sign = signs.find((one) => source.startsWith(one, at));
  if (sign) return { token: { type: 'sign', text: sign, at }, end: at + sign.length };
  throw fail(source, at, `Syntax error: token recognition error at: '${source[at]}'`);
}

function numberOf(source: string, at: number, digits: string): bigint | number | Uint {
  const unsigned = /[uU]$/.test(digits) && !/^0[xX].*[eE]$/.test(digits);
  const body = unsigned ? digits.slice(0, -1) : digits;
  if (!/^0[xX]/.test(body) && /[.eE]/.test(body)) return Number(body);
  const value = BigInt(body);
  if (unsigned) {
    if (value > 2n ** 64n - 1n) throw fail(source, at, 'invalid uint literal');
    return new Uint(value);
  }
  // One more than fits, for the sake of a minus before it.
  if (value > 2n ** 63n) throw fail(source, at, 'invalid int literal');
  return value;
}

function readText(
  source: string,
  at: number,
  [whole, prefix = '', quote = '']: RegExpExecArray,
): { token: Token; end: number } {
  const raw = /r/i.test(prefix);
  let end = at + whole.length;
  while (!source.startsWith(quote, end)) {
    const isBroken = end >= source.length || (quote.length === 1 && source[end] === '\n');
    if (isBroken) throw fail(source, at, `Syntax error: token recognition error at: '${source.slice(at)}'`);
    end += source[end] === '\\' && !raw ? 2 : 1;
  }
  const body = source.slice(at + whole.length, end);
  const isBytes = /b/i.test(prefix);
  const value = raw ? body : unescape(source, at, body);
  const token: Token = isBytes ? { type: 'bytes', value: bytesOf(value), at } : { type: 'string', value, at };
  return { token, end: end + quote.length };
}

/** In bytes, `\xff` and `\377` are octets; characters are written in UTF-8. */
const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);

const simple: Record<string, string> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

const escape = /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[abfnrtv\\"'`?]|.?)/gs;

function unescape(source: string, at: number, body: string): string {
  return body.replace(escape, (all) => {
    const kind = all[1] ?? '';
    const digits = all.slice(2);
    if (digits) {
      const code = /[xuU]/.test(kind) ? Number.parseInt(digits, 16) : Number.parseInt(all.slice(1), 8);
      if (code <= 0x10ffff) return String.fromCodePoint(code);
    } else if (simple[kind]) return simple[kind];
    else if ('\\"\'`?'.includes(kind) && kind) return kind;
    throw fail(source, at, 'Syntax error: invalid escape sequence');
  });
}

export const fail = (source: string, at: number, message: string): CompileError =>
  new CompileError(source, [{ at, message }]);
