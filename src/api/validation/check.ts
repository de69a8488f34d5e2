import { isDeepStrictEqual } from 'node:util';
import type { LabelSelector, LabelSelectorRequirement } from '../generated/types.ts';
import { child, forbidden, invalidValue, notSupported, required } from '../meta/field-error.ts';
import {
  dns1123Subdomain,
  labelValue,
  type NameFormat,
  patternText,
  percent,
  portName,
  portNumber,
  qualifiedName,
} from '../meta/name-format.ts';
import { validateLabels } from '../meta/object-meta.ts';
import type { FieldError } from '../meta/status-error.ts';

export {
  child,
  duplicate,
  forbidden,
  internal,
  invalidState,
  invalidValue,
  missing,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../meta/field-error.ts';
export type { FieldError } from '../meta/status-error.ts';

/** `path[3]`. */
export const at = (path: string, index: number): string => `${path}[${index}]`;
/** `path[key]`. */
export const keyed = (path: string, key: string): string => `${path}[${key}]`;

/** Errors of every item of a list, each with its own path. */
export const each = <T>(
  items: readonly T[] | null | undefined,
  path: string,
  check: (item: T, path: string, index: number) => FieldError[],
): FieldError[] => (items ?? []).flatMap((item, i) => check(item, at(path, i), i));

/** An object without its members that are undefined, at every depth. */
export const defined = <T>(value: T): T =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? (value.map(defined) as T)
      : (Object.fromEntries(
          Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, defined(member)]])),
        ) as T);

/** Equality of values in the API's sense: absent and null are the same. */
export const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a ?? null, b ?? null);

/** A member that is there must be zero or more. */
export const nonNegative = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value < 0 ? [invalidValue(path, value, 'must be greater than or equal to 0')] : [];

export const positive = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value <= 0 ? [invalidValue(path, value, 'must be greater than 0')] : [];

/** A member that is there must be one of a closed set. */
export const oneOf = (path: string, value: string | undefined, allowed: readonly string[]): FieldError[] =>
  value !== undefined && !allowed.includes(value) ? [notSupported(path, value, allowed)] : [];

/** As `oneOf`, and it must be there. */
export const requiredOneOf = (path: string, value: string | undefined, allowed: readonly string[]): FieldError[] =>
  value ? oneOf(path, value, allowed) : [required(path)];

/** A member that is there must have a format. */
export const formatted = (path: string, value: string | undefined, format: NameFormat): FieldError[] =>
  value ? format(value).map((text) => invalidValue(path, value, text)) : [];

export const requiredFormatted = (path: string, value: string | undefined, format: NameFormat): FieldError[] =>
  value ? formatted(path, value, format) : [required(path)];

/** As `formatted`, for a member whose empty value is checked, too. */
export const keyFormatted = (path: string, value: string, format: NameFormat): FieldError[] =>
  format(value).map((text) => invalidValue(path, value, text));

const pathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathShape = new RegExp(`^(?:${pathPattern})$`);

/** `acme.io/foo`: who a thing belongs to, and what it is. */
export function domainPrefixedPath(path: string, value: string): FieldError[] {
  if (!value) return [required(path)];
  const [domain = '', ...rest] = value.split('/');
  const own = rest.join('/');
  if (!domain || !own) return [invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const errors = dns1123Subdomain(domain).map((text) => invalidValue(path, domain, text));
  if (!pathShape.test(own)) errors.push(invalidValue(path, own, patternText('Invalid path', pathPattern)));
  return errors;
}

/** An update may not change it. */
export const immutable = (path: string, value: unknown, old: unknown): FieldError[] =>
  same(value, old) ? [] : [invalidValue(path, value ?? null, 'field is immutable')];

/** A port by number or name. */
export function portNumberOrName(path: string, port: number | string | undefined): FieldError[] {
  const wrong = typeof port === 'string' ? portName(port) : portNumber(port ?? 0);
  return wrong.map((text) => invalidValue(path, port ?? 0, text));
}

/** A count or a percentage. */
export function countOrPercent(path: string, value: number | string | undefined): FieldError[] {
  if (typeof value === 'string') return percent(value).map((text) => invalidValue(path, value, text));
  return nonNegative(path, value);
}

/** The number of a percentage; undefined for counts and other texts. */
export const percentage = (value: number | string | undefined): number | undefined =>
  typeof value === 'string' && percent(value).length === 0 ? Number.parseInt(value, 10) : undefined;

export const atMostAll = (path: string, value: number | string | undefined): FieldError[] =>
  (percentage(value) ?? 0) > 100 ? [invalidValue(path, value, 'must not be greater than 100%')] : [];

export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  if (!selector) return [];
  return [
    ...validateLabels(selector.matchLabels, child(path, 'matchLabels')),
    ...each(selector.matchExpressions, child(path, 'matchExpressions'), selectorRequirement),
  ];
}

function selectorRequirement({ key, operator, values }: LabelSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const count = values?.length ?? 0;
  if (operator === 'In' || operator === 'NotIn') {
    if (count === 0)
      errors.push(required(child(path, 'values'), "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
    if (count > 0) errors.push(forbidden(child(path, 'values'), detail));
  } else errors.push(invalidValue(child(path, 'operator'), operator, 'not a valid selector operator'));
  errors.push(...keyFormatted(child(path, 'key'), key, qualifiedName));
  errors.push(...each(values, child(path, 'values'), (value, p) => keyFormatted(p, value, labelValue)));
  return errors;
}
