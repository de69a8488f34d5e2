import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity } from '../generated/types.ts';
import { addQuantity, compareQuantity, formatQuantity, parseQuantity, type Quantity } from '../meta/quantity.ts';
import { child, duplicate, each, type FieldError, forbidden, invalidValue, required, tooMany } from './check.ts';
import type { Check } from './members.ts';

/** How much of a device that several share each may ask for. */

const mostValues = 10;
const isMore = (a: Quantity, b: Quantity): boolean => compareQuantity(a, b) > 0;

export const exclusiveCapacity: Check<DeviceCapacity> = ({ requestPolicy }, path) =>
  requestPolicy ? [forbidden(child(path, 'requestPolicy'), 'allowMultipleAllocations must be true')] : [];

export const sharedCapacity: Check<DeviceCapacity> = ({ value, requestPolicy }, path) =>
  requestPolicy ? policy(requestPolicy, parseQuantity(value), child(path, 'requestPolicy')) : [];

function policy({ default: given, validValues = [], validRange }: CapacityRequestPolicy, all: Quantity, path: string) {
  const both = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
  const isListed = validValues.length > 0;
  if (isListed && validRange) return [forbidden(path, both)];
  if (!isListed && !validRange) return [];
  const member = isListed ? 'validValues' : 'validRange';
  if (given === undefined || given === null)
    return [required(child(path, 'default'), `required when ${member} is defined`)];
  const limits = { all, usual: parseQuantity(given) };
  return validRange
    ? range(validRange, limits, child(path, member))
    : values(validValues.map(parseQuantity), limits, child(path, member));
}

interface Limits {
  /** What the device has. */
  all: Quantity;
  /** What is taken where a request says nothing. */
  usual: Quantity;
}

function values(list: Quantity[], { all, usual }: Limits, path: string): FieldError[] {
  const errors = each(list, path, (value, p, i) => {
    const before = list[i - 1];
    const text = formatQuantity(value);
    return before && isMore(before, value) ? [invalidValue(p, text, 'values must be sorted in ascending order')] : [];
  });
  if (list.length > mostValues) return [...errors, tooMany(path, list.length, mostValues), ...unusual(path, usual)];
  const tooMuch = `option is larger than capacity value: ${formatQuantity(all)}`;
  errors.push(
    ...each(list, path, (value, p) => (isMore(value, all) ? [invalidValue(p, formatQuantity(value), tooMuch)] : [])),
    ...each(list, path, (value, p, i) =>
      list.findIndex((other) => compareQuantity(other, value) === 0) < i ? [duplicate(p, wholeText(value))] : [],
    ),
  );
  return list.some((value) => compareQuantity(value, usual) === 0) ? errors : [...errors, ...unusual(path, usual)];
}

const unusual = (path: string, usual: Quantity): FieldError[] => [
  invalidValue(path, formatQuantity(usual), 'default value is not valid according to the requestPolicy'),
];

const nano = 1_000_000_000n;
/** The whole number that a quantity is, rounded up. */
const whole = ({ nanos }: Quantity): bigint => (nanos + (nanos > 0n ? nano - 1n : 0n)) / nano;
const wholeText = (value: Quantity): string => String(whole(value));

function range({ min, max, step }: CapacityRequestPolicyRange, { all, usual }: Limits, path: string): FieldError[] {
  if (min === undefined) return [required(child(path, 'min'), 'required when validRange is defined')];
  const errors: FieldError[] = [];
  const wrong = (member: string, value: Quantity, text: string, other: Quantity) =>
    errors.push(invalidValue(child(path, member), formatQuantity(value), `${text}: ${formatQuantity(other)}`));
  const least = parseQuantity(min);
  const largest = max === undefined ? undefined : parseQuantity(max);
  if (isMore(least, all)) wrong('min', least, 'min is larger than capacity value', all);
  if (isMore(least, usual)) wrong('default', usual, 'default is less than min', least);
  if (largest && isMore(least, largest)) wrong('max', least, 'min is larger than max', largest);
  if (largest && isMore(largest, all)) wrong('max', largest, 'max is larger than capacity value', all);
  if (largest && isMore(usual, largest)) wrong('default', usual, 'default is more than max', largest);
  if (step === undefined) return errors;
  const stepped = parseQuantity(step);
  return [
    ...errors,
    ...steps({ all, least, stepped, ends: largest ? [usual, largest] : [usual] }, child(path, 'step')),
  ];
}

interface Steps {
  all: Quantity;
  least: Quantity;
  stepped: Quantity;
  /** Values that whole steps must lead to. */
  ends: Quantity[];
}

function steps({ all, least, stepped, ends }: Steps, path: string): FieldError[] {
  const text = formatQuantity(stepped);
  if (stepped.nanos <= 0n) return [invalidValue(path, text, 'must be greater than zero')];
  const first = addQuantity(least, stepped);
  const tooFar = `one step ${formatQuantity(first)} is larger than capacity value: ${formatQuantity(all)}`;
  const missed = `value is not a multiple of a given step (${text}) from (${formatQuantity(least)})`;
  return [
    ...(isMore(first, all) ? [invalidValue(path, text, tooFar)] : []),
    ...ends
      .filter((end) => (whole(end) - whole(least)) % whole(stepped) !== 0n)
      .map((end) => invalidValue(path, formatQuantity(end), missed)),
  ];
}
