import { toJson } from '../../base/lossless-json.ts';
import { compilePattern, type Pattern, PatternError } from '../../base/pattern.ts';
import { equalJson, isJsonObject, type JsonObject, ownMember } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import { validateAlternatives } from './alternatives.ts';
import { type Before, elementsBefore, memberBefore } from './correlation.ts';
import { formatNamed } from './formats.ts';
import { isIntOrString, itemsOf, memberSchema, type Structural } from './schema.ts';
import { goNumber, Verdict } from './verdict.ts';

/** Checks values of one schema; compiled once. `before` is what stood in the same place. */
export type Check = (value: unknown, at: { path: string; before: Before | undefined }, verdict: Verdict) => void;

/**
 * The value validations of a schema, in the words of Kubernetes. On an update, what is wrong with a value that did not
 * change is not said (KEP-4008, ratcheting).
 */
export function compileValidation(schema: Structural): (value: unknown, before?: Before) => FieldError[] {
  const check = compileCheck(schema);
  return (value, before) => {
    const verdict = new Verdict();
    check(value, { path: '', before }, verdict);
    return verdict.errors;
  };
}

/** Compiles on first use what lies below, so that large schemas cost only what objects use of them. */
export function compileCheck(schema: Structural): Check {
  const types = typesOf(schema);
  const parts = partsOf(schema, types);
  return (value, at, verdict) => {
    const first = verdict.errors.length;
    for (const part of parts) part(value, at, verdict);
    verdict.matches += parts.length;
    // Wrong, but no more than it was.
    if (verdict.errors.length > first && at.before && equalJson(value, at.before.value)) verdict.errors.length = first;
  };
}

const typesOf = (schema: Structural): string[] =>
  schema.type ? [schema.type] : isIntOrString(schema) ? ['integer', 'string'] : [];

/** The checks in the order in which Kubernetes runs them; null is only looked at by the first and by enum. */
function partsOf(schema: Structural, types: string[]): Check[] {
  const whole: (Check | undefined)[] = [
    types.length > 0 ? typeCheck(schema, types) : undefined,
    ifPresent(alternatives(schema)),
    ifPresent(textCheck(schema)),
    ifPresent(formatCheck(schema)),
    ifPresent(numberCheck(schema)),
    ifPresent(listCheck(schema)),
    enumCheck(schema),
    ifPresent(objectCheck(schema)),
  ];
  return whole.filter((check) => check !== undefined);
}

const ifPresent = (check: Check | undefined): Check | undefined =>
  check &&
  ((value, at, verdict) => {
    if (value !== null && value !== undefined) check(value, at, verdict);
  });

export function jsonType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeCheck(schema: Structural, types: string[]): Check {
  return (value, { path }, verdict) => {
    const type = jsonType(value);
    if (types.includes(type) || (type === 'integer' && types.includes('number'))) return;
    if (type === 'null' && schema.nullable) return;
    verdict.wrongType(path, types.join(','), type);
  };
}

function alternatives(schema: Structural): Check | undefined {
  const compiled = {
    anyOf: schema.anyOf?.map(lazily),
    oneOf: schema.oneOf?.map(lazily),
    allOf: schema.allOf?.map(lazily),
    not: schema.not && lazily(schema.not),
  };
  const none = !compiled.anyOf && !compiled.oneOf && !compiled.allOf && !compiled.not;
  return none ? undefined : (value, at, verdict) => validateAlternatives(compiled, value, at, verdict);
}

function lazily(schema: Structural): Check {
  let compiled: Check | undefined;
  return (value, at, verdict) => {
    compiled ??= compileCheck(schema);
    compiled(value, at, verdict);
  };
}

/** Characters, not UTF-16 units. */
const lengthOf = (text: string, atMost: number): number => (text.length <= atMost ? text.length : [...text].length);

function textCheck({ minLength, maxLength, pattern }: Structural): Check | undefined {
  if (minLength === undefined && maxLength === undefined && pattern === undefined) return undefined;
  const expression = pattern === undefined ? undefined : patternOf(pattern);
  return (value, { path }, verdict) => {
    if (typeof value !== 'string') return;
    if (maxLength !== undefined && lengthOf(value, maxLength) > maxLength) {
      const unit = maxLength === 1 ? 'byte' : 'bytes';
      return verdict.add('FieldValueTooLong', path, `Too long: may not be more than ${maxLength} ${unit}`);
    }
    if (minLength !== undefined && [...value].length < minLength)
      return verdict.invalid(path, value, `should be at least ${minLength} chars long`);
    if (expression && !expression.test(value)) verdict.invalid(path, value, `should match '${pattern}'`);
  };
}

/** A pattern that does not compile cannot be in a definition; one that is there all the same matches nothing. */
function patternOf(pattern: string): Pick<Pattern, 'test'> {
  try {
    return compilePattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) return { test: () => false };
    throw error;
  }
}

function formatCheck({ format }: Structural): Check | undefined {
  const isValid = format ? formatNamed(format) : undefined;
  if (!isValid) return undefined;
  return (value, { path }, verdict) => {
    if (typeof value === 'string' && !isValid(value)) verdict.wrongType(path, format as string, value);
  };
}

function numberCheck(schema: Structural): Check | undefined {
  const { multipleOf, maximum, minimum, exclusiveMaximum, exclusiveMinimum } = schema;
  if (multipleOf === undefined && maximum === undefined && minimum === undefined) return undefined;
  const bound = (word: string, exclusive: boolean | undefined, limit: number) =>
    `should be ${word} than ${exclusive ? '' : 'or equal to '}${goNumber(limit)}`;
  return (value, { path }, verdict) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return;
    if (multipleOf !== undefined && !isMultiple(value, multipleOf))
      verdict.invalid(path, value, `should be a multiple of ${goNumber(multipleOf)}`);
    else if (maximum !== undefined && (value > maximum || (exclusiveMaximum && Number(value) === maximum)))
      verdict.invalid(path, value, bound('less', exclusiveMaximum, maximum));
    else if (minimum !== undefined && (value < minimum || (exclusiveMinimum && Number(value) === minimum)))
      verdict.invalid(path, value, bound('greater', exclusiveMinimum, minimum));
  };
}

const isMultiple = (value: number | bigint, of: number): boolean => {
  if (typeof value === 'bigint' && Number.isInteger(of)) return value % BigInt(of) === 0n;
  const times = Number(value) / of;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
};

function listCheck(schema: Structural): Check | undefined {
  const { minItems, maxItems, uniqueItems } = schema;
  const itemSchema = itemsOf(schema);
  const items = itemSchema && lazily(itemSchema);
  if (!items && minItems === undefined && maxItems === undefined && !uniqueItems) return undefined;
  return (value, { path, before }, verdict) => {
    if (!Array.isArray(value)) return;
    if (items) {
      const beforeOf = elementsBefore(schema, before);
      value.forEach((item, i) => items(item, { path: `${path}[${i}]`, before: beforeOf(item) }, verdict));
    }
    if (minItems !== undefined && value.length < minItems)
      verdict.invalid(path, value.length, `should have at least ${minItems} items`);
    if (maxItems !== undefined && value.length > maxItems)
      verdict.add('FieldValueTooMany', path, tooMany(value.length, maxItems));
    if (uniqueItems && value.some((item, i) => value.findIndex((other) => equalJson(item, other)) < i))
      verdict.invalid(path, '', "shouldn't contain duplicates");
  };
}

const tooMany = (actual: number, max: number): string =>
  `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`;

function enumCheck({ enum: allowed }: Structural): Check | undefined {
  if (!allowed) return undefined;
  const list = allowed.map((value) => toJson(typeof value === 'string' ? value : toJson(value)));
  return (value, { path }, verdict) => {
    if (value === undefined || allowed.some((one) => equalJson(one, value))) return;
    const given = typeof value === 'number' || typeof value === 'boolean' ? String(value) : toJson(value);
    const supported = `supported values: ${list.join(', ')}`;
    verdict.add('FieldValueNotSupported', path, `Unsupported value: ${given}: ${supported}`);
  };
}

function objectCheck(schema: Structural): Check | undefined {
  const { minProperties, maxProperties, required = [], properties } = schema;
  const below = new Map<string, Check | undefined>();
  const values = memberSchema({ ...schema, properties: {} }, '');
  const valueCheck = values && lazily(values);
  const checkOf = (name: string): Check | undefined => {
    if (!properties || !Object.hasOwn(properties, name)) return valueCheck;
    if (!below.has(name)) below.set(name, compileCheck(properties[name] as Structural));
    return below.get(name);
  };
  const some =
    properties || values || required.length > 0 || minProperties !== undefined || maxProperties !== undefined;
  if (!some) return undefined;
  return (value, at, verdict) => {
    if (!isJsonObject(value)) return;
    const { path, before } = at;
    const size = Object.keys(value).length;
    if (minProperties !== undefined && size < minProperties)
      return verdict.invalid(path, size, `should have at least ${minProperties} properties`);
    if (maxProperties !== undefined && size > maxProperties)
      return verdict.add('FieldValueTooMany', path, tooMany(size, maxProperties));
    requireMembers(required, value, path, verdict);
    for (const name of Object.keys(value)) {
      if (value[name] === undefined) continue;
      const place = { path: path ? `${path}.${name}` : name, before: memberBefore(before, name) };
      checkOf(name)?.(value[name], place, verdict);
    }
  };
}

function requireMembers(required: string[], value: JsonObject, path: string, verdict: Verdict): void {
  for (const name of required)
    if (ownMember(value, name) === undefined)
      verdict.add('FieldValueRequired', path ? `${path}.${name}` : name, 'Required value');
}
