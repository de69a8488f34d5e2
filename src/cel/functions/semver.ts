import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import type { Opaque, Value } from '../values.ts';
import { traversed } from './costs.ts';

const number = '(0|[1-9]\\d*)';
const strict = new RegExp(`^${number}\\.${number}\\.${number}(?:-([0-9A-Za-z.-]+))?(?:\\+([0-9A-Za-z.-]+))?$`);

/** A version (semver 2.0). */
class Semver implements Opaque {
  readonly celType = 'kubernetes.Semver';
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];

  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    this.numbers = numbers;
    this.prerelease = prerelease;
  }

  equals(other: Value): boolean {
    return other instanceof Semver && compare(this, other) === 0n;
  }
}

function parse(text: string): Semver | undefined {
  const match = strict.exec(text);
  if (!match) return undefined;
  const prerelease = match[4]?.split('.') ?? [];
  if (prerelease.some((part) => part === '' || /^0\d+$/.test(part))) return undefined;
  return new Semver(
    match.slice(1, 4).map((part) => BigInt(part as string)),
    prerelease,
  );
}

/** `v1.2` becomes `1.2.0`, `01.2.3` `1.2.3`. */
function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([\d.]*)(.*)$/.exec(text) ?? [];
  const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return parts.join('.') + rest;
}

function compare(a: Semver, b: Semver): bigint {
  for (let i = 0; i < 3; i++) {
    const [left = 0n, right = 0n] = [a.numbers[i], b.numbers[i]];
    if (left !== right) return left < right ? -1n : 1n;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return BigInt(Math.sign(b.prerelease.length - a.prerelease.length));
  for (let i = 0; i < Math.max(a.prerelease.length, b.prerelease.length); i++) {
    const order = compareParts(a.prerelease[i], b.prerelease[i]);
    if (order !== 0n) return order;
  }
  return 0n;
}

/** Numbers before words, the shorter list before the longer. */
function compareParts(a: string | undefined, b: string | undefined): bigint {
  if (a === b) return 0n;
  if (a === undefined || b === undefined) return a === undefined ? -1n : 1n;
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOther) return BigInt(a) < BigInt(b) ? -1n : 1n;
  if (isNumber !== isOther) return isNumber ? -1n : 1n;
  return a < b ? -1n : 1n;
}

function semverOf(text: string, normalize = false): Semver {
  const version = parse(normalize ? normalized(text) : text);
  if (!version) throw new EvaluationError(`No Major.Minor.Patch elements found`);
  return version;
}

const type = 'kubernetes.Semver';
const parsing = { work: (text: number) => traversed(text) };

/** Kubernetes' library of versions. */
export const semver: Overload[] = [
  fn(`semver(string): ${type}`, (text: string) => semverOf(text), parsing),
  fn(`semver(string, bool): ${type}`, semverOf, parsing),
  fn('isSemver(string): bool', (text: string) => parse(text) !== undefined, parsing),
  fn(
    'isSemver(string, bool): bool',
    (text: string, normalize: boolean) => parse(normalize ? normalized(text) : text) !== undefined,
    parsing,
  ),
  fn(`${type}.major(): int`, ({ numbers }: Semver) => numbers[0] as bigint),
  fn(`${type}.minor(): int`, ({ numbers }: Semver) => numbers[1] as bigint),
  fn(`${type}.patch(): int`, ({ numbers }: Semver) => numbers[2] as bigint),
  fn(`${type}.isGreaterThan(${type}): bool`, (a: Semver, b: Semver) => compare(a, b) > 0n),
  fn(`${type}.isLessThan(${type}): bool`, (a: Semver, b: Semver) => compare(a, b) < 0n),
  fn(`${type}.compareTo(${type}): int`, compare),
];
