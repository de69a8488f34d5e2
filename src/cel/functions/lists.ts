import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { CelList, equals, Optional, type Value } from '../values.ts';

type Amount = bigint | number;

const first = (list: CelList, index: number): Optional =>
  new Optional(index >= 0 && index < list.size ? list.at(index) : undefined);

const less = (a: Value, b: Value): boolean => (a as Amount) < (b as Amount);
const whole = { work: (list: number) => list };

function isSorted(list: CelList): boolean {
  for (let i = 1; i < list.size; i++) if (less(list.at(i), list.at(i - 1))) return false;
  return true;
}

function extreme(list: CelList, isBetter: (a: Value, b: Value) => boolean, name: string): Value {
  if (list.size === 0) throw new EvaluationError(`${name} called on empty list`);
  return list.values().reduce((best, value) => (isBetter(value, best) ? value : best));
}

const sum = (list: CelList, zero: Amount): Value =>
  list.values().reduce<Value>((total, value) => ((total as never) + (value as never)) as Value, zero);

function position(list: CelList, value: Value, backwards: boolean): bigint {
  const values = list.values();
  const isIt = (item: Value) => equals(item, value);
  return BigInt(backwards ? values.findLastIndex(isIt) : values.findIndex(isIt));
}

function slice(list: CelList, from: bigint, to: bigint): CelList {
  if (from < 0n || to < 0n) throw new EvaluationError(`cannot slice(${from}, ${to}), negative indexes not supported`);
  if (from > to)
    throw new EvaluationError(`cannot slice(${from}, ${to}), start index must be less than or equal to end index`);
  if (to > BigInt(list.size)) throw new EvaluationError(`cannot slice(${from}, ${to}), list is length ${list.size}`);
  return CelList.of(list.values().slice(Number(from), Number(to)));
}

function distinct(list: CelList): CelList {
  const kept: Value[] = [];
  for (const value of list.values()) if (!kept.some((other) => equals(other, value))) kept.push(value);
  return CelList.of(kept);
}

function flatten(list: CelList, depth: bigint): CelList {
  if (depth < 0n) throw new EvaluationError('level must be non-negative');
  return CelList.of(
    list.values().flatMap((value) => {
      if (!(value instanceof CelList)) return [value];
      return depth > 1n ? flatten(value, depth - 1n).values() : value.values();
    }),
  );
}

function sort(list: CelList): CelList {
  const values = list.values();
  return CelList.of(values.sort((a, b) => (less(a, b) ? -1 : less(b, a) ? 1 : 0)));
}

function range(size: bigint): CelList {
  if (size > 1_000_000n) throw new EvaluationError('range is too large');
  return CelList.of(Array.from({ length: Number(size) }, (_, i) => BigInt(i)));
}

const contains = (list: CelList, part: CelList): boolean =>
  part.values().every((value) => list.values().some((other) => equals(other, value)));

const crossed = { work: (a: number, b: number) => a * b };
const ordered = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration'];

/** Kubernetes' list library, cel-go's list and set extensions. */
export const lists: Overload[] = [
  ...ordered.flatMap((kind) => [
    fn(`list<${kind}>.isSorted(): bool`, isSorted, whole),
    fn(`list<${kind}>.min(): ${kind}`, (list: CelList) => extreme(list, less, 'min'), whole),
    fn(`list<${kind}>.max(): ${kind}`, (list: CelList) => extreme(list, (a, b) => less(b, a), 'max'), whole),
    fn(`list<${kind}>.sort(): list<${kind}>`, sort, { work: (list) => list * list, size: (list) => list }),
  ]),
  fn('list<int>.sum(): int', (list: CelList) => sum(list, 0n), whole),
  fn('list<double>.sum(): double', (list: CelList) => sum(list, 0), whole),
  fn('list<A>.indexOf(A): int', (list: CelList, value: Value) => position(list, value, false), whole),
  fn('list<A>.lastIndexOf(A): int', (list: CelList, value: Value) => position(list, value, true), whole),
  fn('list<A>.slice(int, int): list<A>', slice, { work: (list) => list, size: (list) => list }),
  fn('list<A>.distinct(): list<A>', distinct, { work: (list) => list * list, size: (list) => list }),
  fn('list<A>.flatten(): list<dyn>', (list: CelList) => flatten(list, 1n), {
    work: (list) => list,
    size: (list) => list,
  }),
  fn('list<A>.flatten(int): list<dyn>', flatten, { work: (list) => list, size: (list) => list }),
  fn('list<A>.reverse(): list<A>', (list: CelList) => CelList.of(list.values().reverse()), {
    work: (list) => list,
    size: (list) => list,
  }),
  fn('list<A>.first(): optional<A>', (list: CelList) => first(list, 0)),
  fn('list<A>.last(): optional<A>', (list: CelList) => first(list, list.size - 1)),
  fn('lists.range(int): list<int>', range, { work: (size) => size, size: (size) => size }),
  fn('sets.contains(list<A>, list<A>): bool', contains, crossed),
  fn('sets.equivalent(list<A>, list<A>): bool', (a: CelList, b: CelList) => contains(a, b) && contains(b, a), {
    work: (a, b) => 2 * a * b,
  }),
  fn(
    'sets.intersects(list<A>, list<A>): bool',
    (a: CelList, b: CelList) => a.values().some((value) => contains(b, CelList.of([value]))),
    crossed,
  ),
];
