import { toJson } from '../../base/lossless-json.ts';
import type { FieldError } from './status-error.ts';

/** The path of a member (`spec.containers`); an empty path is the object itself. */
export const child = (path: string, name: string): string => (path ? `${path}.${name}` : name);

/** Go's `%q`: control characters have two hexadecimal digits where JSON has four. */
export const quoted = (text: string): string =>
  JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, (whole, digits: string, at: number, all: string) =>
    // An escaped backslash before `u` is text, not an escape.
    /(?:^|[^\\])(?:\\\\)*$/.test(all.slice(0, at)) ? (named[digits] ?? `\\x${digits}`) : whole,
  );

const named: Record<string, string> = { '07': '\\a', '0b': '\\v' };

/** A value as error messages show it: strings quoted, numbers and booleans bare, the rest as JSON. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  const json = toJson(value) ?? 'null';
  return json.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

const withDetail = (text: string, detail: string): string => (detail ? `${text}: ${detail}` : text);

export const required = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  message: withDetail('Required value', detail),
});

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: withDetail(`Invalid value: ${shown(value)}`, detail),
});

/** As `invalidValue`, for errors about more than one value: none is shown. */
export const invalidState = (field: string, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: withDetail('Invalid value', detail),
});

/** `allowed` is shown in the order given. */
export const notSupported = (field: string, value: unknown, allowed: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  message: withDetail(
    `Unsupported value: ${shown(value)}`,
    allowed.length > 0 ? `supported values: ${allowed.map(quoted).join(', ')}` : '',
  ),
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  message: `Duplicate value: ${shown(value)}`,
});

export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  message: withDetail('Forbidden', detail),
});

/** Of the server's own making: what it was given does not let it check further. */
export const internal = (field: string, detail: string): FieldError => ({
  type: 'InternalError',
  field,
  message: withDetail('Internal error', detail),
});

export const missing = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  message: `Not found: ${shown(value)}`,
});

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`,
});

export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  message: `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
});
