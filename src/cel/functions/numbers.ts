import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import type { CelList, Value } from '../values.ts';

type Amount = bigint | number;

const pick = (isBetter: (a: Amount, b: Amount) => boolean) => (a: Amount, b: Amount) => (isBetter(a, b) ? a : b);
const greatest = pick((a, b) => a >= b);
const least = pick((a, b) => a <= b);

function over(list: CelList, choose: (a: Amount, b: Amount) => Amount): Value {
  if (list.size === 0) throw new EvaluationError('math.@max(list) argument must not be empty');
  return (list.values() as Amount[]).reduce(choose);
}

/** Half away from zero. */
const rounded = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

const numeric = ['int', 'double'];

/** cel-go's math extension. */
export const numbers: Overload[] = [
  ...numeric.flatMap((kind) => [
    fn(`math.greatest(${kind}): ${kind}`, (value: Amount) => value),
    fn(`math.least(${kind}): ${kind}`, (value: Amount) => value),
    fn(`math.greatest(${kind}, ${kind}): ${kind}`, greatest),
    fn(`math.least(${kind}, ${kind}): ${kind}`, least),
    fn(`math.greatest(${kind}, ${kind}, ${kind}): ${kind}`, (a: Amount, b: Amount, c: Amount) =>
      greatest(greatest(a, b), c),
    ),
    fn(`math.least(${kind}, ${kind}, ${kind}): ${kind}`, (a: Amount, b: Amount, c: Amount) => least(least(a, b), c)),
    fn(`math.greatest(list<${kind}>): ${kind}`, (list: CelList) => over(list, greatest), { work: (list) => list }),
    fn(`math.least(list<${kind}>): ${kind}`, (list: CelList) => over(list, least), { work: (list) => list }),
  ]),
  fn('math.ceil(double): double', Math.ceil),
  fn('math.floor(double): double', Math.floor),
  fn('math.round(double): double', rounded),
  fn('math.trunc(double): double', Math.trunc),
  fn('math.abs(double): double', Math.abs),
  fn('math.abs(int): int', (value: bigint) => (value < 0n ? -value : value)),
  fn('math.sign(double): double', Math.sign),
  fn('math.sign(int): int', (value: bigint) => (value < 0n ? -1n : value > 0n ? 1n : 0n)),
  fn('math.isNaN(double): bool', (value: number) => Number.isNaN(value)),
  fn('math.isInf(double): bool', (value: number) => Math.abs(value) === Number.POSITIVE_INFINITY),
  fn('math.isFinite(double): bool', (value: number) => Number.isFinite(value)),
  fn('math.bitAnd(int, int): int', (a: bigint, b: bigint) => a & b),
  fn('math.bitOr(int, int): int', (a: bigint, b: bigint) => a | b),
  fn('math.bitXor(int, int): int', (a: bigint, b: bigint) => a ^ b),
  fn('base64.encode(bytes): string', (value: Uint8Array) => Buffer.from(value).toString('base64'), {
    work: (size) => size,
    size: (size) => 2 * size,
  }),
  fn('base64.decode(string): bytes', (text: string) => new Uint8Array(Buffer.from(text, 'base64')), {
    work: (size) => size,
    size: (size) => size,
  }),
];
