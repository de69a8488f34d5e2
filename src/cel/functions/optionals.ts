import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { CelList, CelMap, Optional, Struct, type Value } from '../values.ts';

function valueOf({ value }: Optional): Value {
  if (value === undefined) throw new EvaluationError('optional.none() dereference');
  return value;
}

/** Zero of its type: false, 0, empty. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  return value instanceof Struct && Object.keys(value.json).length === 0;
}

/** Values that may not be there (cel-go's optional types). */
export const optionals: Overload[] = [
  fn('optional.of(A): optional<A>', (value: Value) => new Optional(value)),
  fn('optional.none(): optional<A>', () => new Optional(undefined)),
  fn('optional.ofNonZeroValue(A): optional<A>', (value: Value) => new Optional(isZero(value) ? undefined : value)),
  fn('optional<A>.hasValue(): bool', ({ value }: Optional) => value !== undefined),
  fn('optional<A>.value(): A', valueOf),
  fn('optional<A>.or(optional<A>): optional<A>', (first: Optional, second: Optional) =>
    first.value === undefined ? second : first,
  ),
  fn('optional<A>.orValue(A): A', (optional: Optional, other: Value) => optional.value ?? other),
  fn('optional.unwrap(list<optional<A>>): list<A>', (list: CelList) =>
    CelList.of(list.values().flatMap((item) => (item as Optional).value ?? [])),
  ),
  fn('list<optional<A>>.unwrapOpt(): list<A>', (list: CelList) =>
    CelList.of(list.values().flatMap((item) => (item as Optional).value ?? [])),
  ),
];
