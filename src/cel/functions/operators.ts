import { Uint } from '../ast.ts';
import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { Duration, Timestamp } from '../time.ts';
import { CelList, CelMap, checkedInt, checkedUint, equals, Optional, Struct, type Value } from '../values.ts';
import { smaller, traversed } from './costs.ts';

const div = (divide: (a: bigint, b: bigint) => bigint, what: string) => (a: bigint, b: bigint) => {
  if (b === 0n) throw new EvaluationError(what);
  return divide(a, b);
};

const quotient = div((a, b) => a / b, 'division by zero');
const remainder = div((a, b) => a % b, 'modulus by zero');

type Moment = Timestamp | Duration;

const arithmetic: Overload[] = [
  fn('_+_(int, int): int', (a: bigint, b: bigint) => checkedInt(a + b)),
  fn('_-_(int, int): int', (a: bigint, b: bigint) => checkedInt(a - b)),
  fn('_*_(int, int): int', (a: bigint, b: bigint) => checkedInt(a * b)),
  fn('_/_(int, int): int', (a, b) => checkedInt(quotient(a, b))),
  fn('_%_(int, int): int', remainder),
  fn('_+_(uint, uint): uint', (a: Uint, b: Uint) => checkedUint(a.value + b.value)),
  fn('_-_(uint, uint): uint', (a: Uint, b: Uint) => checkedUint(a.value - b.value)),
  fn('_*_(uint, uint): uint', (a: Uint, b: Uint) => checkedUint(a.value * b.value)),
  fn('_/_(uint, uint): uint', (a: Uint, b: Uint) => checkedUint(quotient(a.value, b.value))),
  fn('_%_(uint, uint): uint', (a: Uint, b: Uint) => checkedUint(remainder(a.value, b.value))),
  fn('_+_(double, double): double', (a, b) => a + b),
  fn('_-_(double, double): double', (a, b) => a - b),
  fn('_*_(double, double): double', (a, b) => a * b),
  fn('_/_(double, double): double', (a, b) => a / b),
  fn('-_(int): int', (a: bigint) => checkedInt(-a)),
  fn('-_(double): double', (a) => -a),
  fn('!_(bool): bool', (a) => !a),
  fn('_+_(string, string): string', (a, b) => a + b, { work: (a, b) => traversed(a + b), size: (a, b) => a + b }),
  fn('_+_(bytes, bytes): bytes', (a, b) => new Uint8Array(Buffer.concat([a, b])), {
    work: (a, b) => traversed(a + b),
    size: (a, b) => a + b,
  }),
  fn('_+_(list<A>, list<A>): list<A>', (a: CelList, b: CelList) => CelList.of([...a.values(), ...b.values()]), {
    size: (a, b) => a + b,
  }),
  fn('_+_(timestamp, duration): timestamp', (a: Moment, b: Moment) => new Timestamp(a.nanos + b.nanos)),
  fn('_+_(duration, timestamp): timestamp', (a: Moment, b: Moment) => new Timestamp(a.nanos + b.nanos)),
  fn('_+_(duration, duration): duration', (a: Moment, b: Moment) => new Duration(a.nanos + b.nanos)),
  fn('_-_(timestamp, timestamp): duration', (a: Moment, b: Moment) => new Duration(a.nanos - b.nanos)),
  fn('_-_(timestamp, duration): timestamp', (a: Moment, b: Moment) => new Timestamp(a.nanos - b.nanos)),
  fn('_-_(duration, duration): duration', (a: Moment, b: Moment) => new Duration(a.nanos - b.nanos)),
];

type Ordered = number | bigint | string | boolean;

/** Something that `<` orders as the language wants it. */
function orderOf(value: Value): Ordered {
  if (value instanceof Uint) return value.value;
  if (value instanceof Timestamp || value instanceof Duration) return value.nanos;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return value as Ordered;
}

const compare = (name: string, holds: (a: Ordered, b: Ordered) => boolean): Overload[] => {
  const run = (a: Value, b: Value) => holds(orderOf(a), orderOf(b));
  const numbers = ['int', 'uint', 'double'];
  const pairs = numbers.flatMap((a) => numbers.map((b) => `${a}, ${b}`));
  const same = ['bool', 'timestamp', 'duration'].map((kind) => `${kind}, ${kind}`);
  return [
    ...[...pairs, ...same].map((params) => fn(`${name}(${params}): bool`, run)),
    ...['string', 'bytes'].map((kind) => fn(`${name}(${kind}, ${kind}): bool`, run, { work: smaller })),
  ];
};

function listAt(list: CelList, index: bigint | number): Value {
  const at = Number(index);
  if (!Number.isInteger(at) || at < 0 || at >= list.size) throw new EvaluationError(`index out of bounds: ${index}`);
  return list.at(at);
}

function mapAt(map: CelMap, key: Value): Value {
  const value = map.get(key);
  if (value === undefined) throw new EvaluationError(`no such key: ${keyText(key)}`);
  return value;
}

const keyText = (key: Value): string => (key instanceof Uint ? String(key.value) : String(key));

const optionalAt = (at: Value | undefined): Optional => new Optional(at);
const listHas = (list: CelList, index: bigint): Value | undefined =>
  index >= 0n && index < BigInt(list.size) ? list.at(Number(index)) : undefined;

const within = (value: Optional, get: (inner: Value) => Value | undefined): Optional =>
  value.value === undefined ? value : optionalAt(get(value.value));

const access: Overload[] = [
  fn('_[_](list<A>, int): A', listAt),
  fn('_[_](map<A, B>, A): B', mapAt),
  fn('_[?_](list<A>, int): optional<A>', (list, index) => optionalAt(listHas(list, index))),
  fn('_[?_](map<A, B>, A): optional<B>', (map, key) => optionalAt(map.get(key))),
  fn('_[?_](optional<list<A>>, int): optional<A>', (list, index) => within(list, (l) => listHas(l as CelList, index))),
  fn('_[?_](optional<map<A, B>>, A): optional<B>', (map, key) => within(map, (m) => (m as CelMap).get(key))),
  fn('_[_](optional<list<A>>, int): optional<A>', (list, index) => within(list, (l) => listHas(l as CelList, index))),
  fn('_[_](optional<map<A, B>>, A): optional<B>', (map, key) => within(map, (m) => (m as CelMap).get(key))),
  fn('@in(A, list<A>): bool', (value: Value, list: CelList) => list.values().some((item) => equals(item, value)), {
    work: (_, list) => list,
  }),
  fn('@in(A, map<A, B>): bool', (key: Value, map: CelMap | Struct) =>
    map instanceof Struct ? map.get(String(key)) !== undefined : map.get(key) !== undefined,
  ),
];

/** Operators as functions, by the names that the specification gives them. */
export const operators: Overload[] = [
  ...arithmetic,
  ...compare('_<_', (a, b) => a < b),
  ...compare('_<=_', (a, b) => a <= b),
  ...compare('_>_', (a, b) => a > b),
  ...compare('_>=_', (a, b) => a >= b),
  fn('_==_(A, A): bool', equals, { work: smaller }),
  fn('_!=_(A, A): bool', (a: Value, b: Value) => !equals(a, b), { work: smaller }),
  ...access,
];
