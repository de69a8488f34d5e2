import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import type { Opaque, Value } from '../values.ts';
import { traversed } from './costs.ts';

const nano = 1_000_000_000n;

/** How quantities are read: a number of billionths; undefined for a text that is none. */
export type ReadQuantity = (text: string) => bigint | undefined;

class Quantity implements Opaque {
  readonly celType = 'kubernetes.Quantity';
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  equals(other: Value): boolean {
    return other instanceof Quantity && other.nanos === this.nanos;
  }
}

const compared = (a: bigint, b: bigint): bigint => (a < b ? -1n : a > b ? 1n : 0n);
const isWhole = ({ nanos }: Quantity): boolean => nanos % nano === 0n && nanos / nano < 2n ** 63n;

function asInteger(quantity: Quantity): bigint {
  if (!isWhole(quantity)) throw new EvaluationError('cannot convert value to integer');
  return quantity.nanos / nano;
}

/** Kubernetes' quantities: `500m`, `10Gi`. */
export function quantities(read: ReadQuantity): Overload[] {
  const quantityOf = (text: string): Quantity => {
    const nanos = read(text);
    if (nanos === undefined)
      throw new EvaluationError(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      );
    return new Quantity(nanos);
  };
  const parsing = { work: (text: number) => traversed(text) };
  const type = 'kubernetes.Quantity';
  return [
    fn(`quantity(string): ${type}`, quantityOf, parsing),
    fn('isQuantity(string): bool', (text: string) => read(text) !== undefined, parsing),
    fn(`${type}.isInteger(): bool`, isWhole),
    fn(`${type}.asInteger(): int`, asInteger),
    fn(`${type}.asApproximateFloat(): double`, ({ nanos }: Quantity) => Number(nanos) / 1e9),
    fn(`${type}.sign(): int`, ({ nanos }: Quantity) => compared(nanos, 0n)),
    fn(`${type}.add(${type}): ${type}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos)),
    fn(`${type}.add(int): ${type}`, (a: Quantity, b: bigint) => new Quantity(a.nanos + b * nano)),
    fn(`${type}.sub(${type}): ${type}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos)),
    fn(`${type}.sub(int): ${type}`, (a: Quantity, b: bigint) => new Quantity(a.nanos - b * nano)),
    fn(`${type}.isGreaterThan(${type}): bool`, (a: Quantity, b: Quantity) => a.nanos > b.nanos),
    fn(`${type}.isLessThan(${type}): bool`, (a: Quantity, b: Quantity) => a.nanos < b.nanos),
    fn(`${type}.compareTo(${type}): int`, (a: Quantity, b: Quantity) => compared(a.nanos, b.nanos)),
  ];
}
