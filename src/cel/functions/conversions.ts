import { Uint } from '../ast.ts';
import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { Duration, Timestamp } from '../time.ts';
import {
  type CelList,
  type CelMap,
  checkedInt,
  checkedUint,
  type Struct,
  TypeValue,
  typeOfValue,
  type Value,
} from '../values.ts';
import { traversed } from './costs.ts';

const same = (value: Value): Value => value;

/** A text that says no value of a type. */
const notOf = (type: string): EvaluationError =>
  new EvaluationError(`type conversion error from 'string' to '${type}'`);

function intOf(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw notOf('int');
  return checkedInt(BigInt(text.replace('+', '')));
}

function uintOf(text: string): Uint {
  if (!/^\d+$/.test(text)) throw notOf('uint');
  return checkedUint(BigInt(text));
}

function doubleOf(text: string): number {
  const value = /^[+-]?inf(inity)?$/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
  if (text.trim() === '' || (Number.isNaN(value) && !/^nan$/i.test(text))) throw notOf('double');
  return value;
}

function truncated(value: number): bigint {
  if (!Number.isFinite(value)) throw new EvaluationError('integer overflow');
  return BigInt(Math.trunc(value));
}

function boolOf(text: string): boolean {
  if (['true', 'True', 'TRUE', 't', '1'].includes(text)) return true;
  if (['false', 'False', 'FALSE', 'f', '0'].includes(text)) return false;
  throw notOf('bool');
}

/** A double as Go's `%g` writes it, as short as it can be. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new EvaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

/** Characters, not UTF-16 units. */
const textSize = (text: string): bigint => BigInt([...text].length);
const size = (value: CelList | CelMap | Uint8Array): bigint =>
  BigInt(value instanceof Uint8Array ? value.length : value.size);
const structSize = (value: Struct): bigint => BigInt(Object.keys(value.json).length);
const long = { work: (value: number) => traversed(value), size: (value: number) => value };

/** From one type to another, and sizes. */
export const conversions: Overload[] = [
  ...['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration'].map((kind) =>
    fn(`${kind}(${kind}): ${kind}`, same),
  ),
  fn('dyn(A): dyn', same),
  fn('type(A): type', (value: Value) => new TypeValue(typeOfValue(value))),
  fn('int(uint): int', (value: Uint) => checkedInt(value.value)),
  fn('int(double): int', (value: number) => checkedInt(truncated(value))),
  fn('int(string): int', intOf),
  fn('int(timestamp): int', (value: Timestamp) => BigInt(Math.floor(value.ms / 1000))),
  fn('int(duration): int', (value: Duration) => value.nanos),
  fn('uint(int): uint', checkedUint),
  fn('uint(double): uint', (value: number) => checkedUint(truncated(value))),
  fn('uint(string): uint', uintOf),
  fn('double(int): double', Number),
  fn('double(uint): double', (value: Uint) => Number(value.value)),
  fn('double(string): double', doubleOf),
  fn('bool(string): bool', boolOf),
  fn('string(int): string', String),
  fn('string(uint): string', (value: Uint) => String(value.value)),
  fn('string(double): string', doubleText),
  fn('string(bool): string', String),
  fn('string(bytes): string', utf8, long),
  fn('string(timestamp): string', String),
  fn('string(duration): string', String),
  fn('bytes(string): bytes', (value: string) => new TextEncoder().encode(value), long),
  fn('timestamp(string): timestamp', (text: string) => Timestamp.parse(text)),
  fn('timestamp(int): timestamp', (seconds: bigint) => new Timestamp(seconds * 1_000_000_000n)),
  fn('duration(string): duration', (text: string) => Duration.parse(text)),
  fn('duration(int): duration', (nanos: bigint) => new Duration(nanos)),
  fn('size(string): int', textSize),
  fn('size(bytes): int', size),
  fn('size(list<A>): int', size),
  fn('size(map<A, B>): int', (value: CelMap | Struct) => ('json' in value ? structSize(value) : size(value))),
  fn('string.size(): int', textSize),
  fn('bytes.size(): int', size),
  fn('list<A>.size(): int', size),
  fn('map<A, B>.size(): int', size),
];
