/** How a quantity was written: `1500m`, `2Gi`, `12e3`. The canonical text keeps the notation. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/**
 * An amount of a resource: a fixed-point number with nine decimals (the API's smallest unit is nano; finer input is
 * rounded away from zero). Source: apimachinery `resource.Quantity`.
 */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** Thrown by `parseQuantity`; the message is the API server's. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'QuantityError';
  }
}

const badFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const badSuffix = "unable to parse quantity's suffix";
const badNumber = 'unable to parse numeric part of quantity';

const shape = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*)([-+]?[0-9]*)$/;
const decimalExponents: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binaryExponents: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const nano = 1_000_000_000n;
const largest = (2n ** 63n - 1n) * nano;
/** A quantity with more digits or a larger exponent is refused before it costs memory. */
const maxDigits = 64;
const maxExponent = 64;

interface Suffix {
  format: QuantityFormat;
  base: 2n | 10n;
  exponent: number;
}

function parseSuffix(letters: string, digits: string): Suffix {
  if (digits === '') {
    const decimal = decimalExponents[letters];
    if (decimal !== undefined) return { format: 'DecimalSI', base: 10n, exponent: decimal };
    const binary = binaryExponents[letters];
    if (binary !== undefined) return { format: 'BinarySI', base: 2n, exponent: binary };
    throw new QuantityError(badSuffix);
  }
  const exponent = Number(digits);
  if ((letters !== 'e' && letters !== 'E') || !Number.isInteger(exponent) || Math.abs(exponent) > maxExponent)
    throw new QuantityError(badSuffix);
  return { format: 'DecimalExponent', base: 10n, exponent };
}

const divideAwayFromZero = (value: bigint, divisor: bigint): bigint => {
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
};

/** Reads a quantity; throws `QuantityError` in the API server's words. */
export function parseQuantity(text: string): Quantity {
  const match = shape.exec(text);
  if (!match || text.length > maxDigits * 2) throw new QuantityError(badFormat);
  const [, sign, whole = '', fraction = '', letters = '', digits = ''] = match;
  if (whole === '' && fraction === '') throw new QuantityError(text.includes('.') ? badNumber : badFormat);
  if (whole.length + fraction.length > maxDigits) throw new QuantityError(badNumber);
  const { format, base, exponent } = parseSuffix(letters, digits);
  let value = BigInt(whole + fraction) * nano * (sign === '-' ? -1n : 1n);
  if (exponent > 0) value *= base ** BigInt(exponent);
  let divisor = 10n ** BigInt(fraction.length);
  if (exponent < 0) divisor *= base ** BigInt(-exponent);
  let nanos = divideAwayFromZero(value, divisor);
  if (format === 'BinarySI' || whole.length + fraction.length > 18) nanos = clamp(nanos);
  const small = format === 'BinarySI' && nanos > 0n && nanos < nano;
  return { nanos, format: small ? 'DecimalSI' : format };
}

const clamp = (nanos: bigint): bigint => (nanos > largest ? largest : nanos);

function decimalText(nanos: bigint, format: QuantityFormat): string {
  let mantissa = nanos;
  let exponent = -9;
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent++;
  }
  const over = ((exponent % 3) + 3) % 3;
  mantissa *= 10n ** BigInt(over);
  exponent -= over;
  if (exponent === 0) return String(mantissa);
  if (format === 'DecimalExponent') return `${mantissa}e${exponent}`;
  while (exponent > 18) {
    mantissa *= 1000n;
    exponent -= 3;
  }
  return `${mantissa}${decimalSuffixes.get(exponent)}`;
}

function binaryText(value: bigint): string {
  let mantissa = value;
  let power = 0;
  while (mantissa % 1024n === 0n && power < 6) {
    mantissa /= 1024n;
    power++;
  }
  return `${mantissa}${binarySuffixes[power]}`;
}

/** The one text of a value: no fractions, no needless zeros, the largest suffix that loses nothing. */
export function formatQuantity(q: Quantity): string {
  if (q.nanos === 0n) return '0';
  const whole = q.nanos % nano === 0n;
  const tiny = q.nanos > -1024n * nano && q.nanos < 1024n * nano;
  if (q.format === 'BinarySI' && whole && !tiny) return binaryText(q.nanos / nano);
  return decimalText(q.nanos, q.format === 'DecimalExponent' ? q.format : 'DecimalSI');
}

const alreadyCanonical = /^(?:0|[1-9][0-9]{0,2}(?:[numkMGTPE]|[KMGTPE]i)?)$/;

/** The canonical text of a quantity's text; throws `QuantityError`. */
export const canonicalQuantity = (text: string): string =>
  alreadyCanonical.test(text) ? text : formatQuantity(parseQuantity(text));

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareQuantity(a: Quantity, b: Quantity): number {
  if (a.nanos === b.nanos) return 0;
  return a.nanos < b.nanos ? -1 : 1;
}

/** The sum; it keeps the format of `a` unless `a` is zero. */
export const addQuantity = (a: Quantity, b: Quantity): Quantity => ({
  nanos: a.nanos + b.nanos,
  format: a.nanos === 0n ? b.format : a.format,
});

/** Rounded up (away from zero) to thousandths: what the server keeps of a resource list's values. */
export const roundToMilli = (q: Quantity): Quantity => ({
  ...q,
  nanos: divideAwayFromZero(q.nanos, 1_000_000n) * 1_000_000n,
});

const simpleInteger = /^[0-9]{1,15}$/;
const simpleMilli = /^[0-9]{1,15}m$/;

/** The value as a whole number, rounded up: bytes of memory, a count of pods. Throws `QuantityError`. */
export function wholeValue(text: string): number {
  if (simpleInteger.test(text)) return Number(text);
  return Number(divideAwayFromZero(parseQuantity(text).nanos, nano));
}

/** The value in thousandths, rounded up: CPU millicores. Throws `QuantityError`. */
export function milliValue(text: string): number {
  if (simpleMilli.test(text)) return Number(text.slice(0, -1));
  if (simpleInteger.test(text)) return Number(text) * 1000;
  return Number(divideAwayFromZero(parseQuantity(text).nanos, 1_000_000n));
}
