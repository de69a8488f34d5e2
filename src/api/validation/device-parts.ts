import { isIPv6 } from 'node:net';
import type { DeviceTaint, DeviceToleration } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, labelValue, patternText, qualifiedName } from '../meta/name-format.ts';
import { isIPv4 } from '../../base/ipv4.ts';
import { toJson } from '../../base/lossless-json.ts';
import { checkDeviceSelector } from '../cel/device-language.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  internal,
  invalidValue,
  keyFormatted,
  keyed,
  notSupported,
  required,
  requiredOneOf,
  tooLong,
  tooMany,
} from './check.ts';
import type { Check } from './members.ts';
import { csiDriverName } from './volume-sources.ts';

/** What all kinds of resource.k8s.io are made of: names, lists with limits, selectors, taints. */

export const driverName = csiDriverName;
export const deviceName = (path: string, name: string): FieldError[] => keyFormatted(path, name, dns1123Label);

/** One or more names of domains: `rack-1/node-a`. */
export function poolName(path: string, name: string): FieldError[] {
  if (!name) return [required(path)];
  const errors = name.length > 253 ? [tooLong(path, 253)] : [];
  return [...errors, ...name.split('/').flatMap((part) => keyFormatted(path, part, dns1123Subdomain))];
}

const uuidShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function uid(path: string, value: string): FieldError[] {
  if (uuidShape.test(value)) return [];
  if (uuidShape.test(value.toLowerCase())) {
    const form = '`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
    return [invalidValue(path, value, `uid must be in RFC 4122 normalized form, ${form}`)];
  }
  const why = value.length === 36 ? 'invalid UUID format' : `invalid UUID length: ${value.length}`;
  return [invalidValue(path, value, `error validating uid: ${why}`)];
}

const identifierPattern = '[A-Za-z_][A-Za-z0-9_]*';
const identifierShape = new RegExp(`^${identifierPattern}$`);
const identifierText =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
const longestIdentifier = 32;

function identifier(path: string, id: string): FieldError[] {
  const errors = id.length > longestIdentifier ? [tooLong(path, longestIdentifier)] : [];
  if (identifierShape.test(id)) return errors;
  return [
    ...errors,
    invalidValue(path, id, patternText(identifierText, identifierPattern, 'my_name', 'MY_NAME', 'MyName')),
  ];
}

/** `[domain/]name` of an attribute or a capacity. */
export function attributeName(path: string, name: string): FieldError[] {
  const [first = '', second] = name.split('/');
  if (second === undefined) return identifier(path, first);
  return [
    ...(first ? driverName(path, first) : [invalidValue(path, '', 'the domain must not be empty')]),
    ...(second ? identifier(path, second) : [invalidValue(path, '', 'the name must not be empty')]),
  ];
}

export function fullAttributeName(path: string, name: string): FieldError[] {
  const errors = attributeName(path, name);
  if (name.includes('/')) return errors;
  const text = 'a fully qualified name must be a domain and a name separated by a slash';
  return [...errors, invalidValue(path, name, text)];
}

/** A list of at most so many items. */
export const limited = <T>(
  items: readonly T[] | null | undefined,
  max: number,
  path: string,
  check: Check<T>,
): FieldError[] => ((items?.length ?? 0) > max ? [tooMany(path, items?.length ?? 0, max)] : each(items, path, check));

/** As `limited`, and no two items have one key. */
export function distinct<T>(
  items: readonly T[] | null | undefined,
  max: number,
  path: string,
  { check, key }: { check: Check<T>; key: (item: T) => unknown },
): FieldError[] {
  const errors = limited(items, max, path, check);
  if ((items?.length ?? 0) > max) return errors;
  const seen = new Set<unknown>();
  for (const [i, item] of (items ?? []).entries()) {
    if (seen.has(key(item))) errors.push(duplicate(at(path, i), key(item)));
    seen.add(key(item));
  }
  return errors;
}

/** A key as paths show it: what is in the middle of a long one is left out. */
function shortened(key: string, max: number): string {
  if (key.length <= max) return key;
  const kept = max - 3;
  return `${key.slice(0, Math.ceil(kept / 2))}...${key.slice(key.length - Math.floor(kept / 2))}`;
}

/** Names and values of a map; `longest` is what the path shows of a name. */
export const named = <T>(
  map: Readonly<Record<string, T>> | null | undefined,
  path: string,
  {
    name,
    value,
    longest,
    max = Number.POSITIVE_INFINITY,
  }: { name: (path: string, name: string) => FieldError[]; value: Check<T>; longest: number; max?: number },
): FieldError[] => {
  const entries = Object.entries(map ?? {});
  if (entries.length > max) return [tooMany(path, entries.length, max)];
  return entries.flatMap(([key, one]) => [...name(path, key), ...value(one, keyed(path, shortened(key, longest)))]);
};

const longestExpression = 10 * 1024;
const mostSelectors = 32;

/** Expressions that choose devices. */
export const selectors = (list: readonly { cel?: { expression: string } }[] | undefined, path: string): FieldError[] =>
  limited(list, mostSelectors, path, ({ cel }, p) =>
    cel ? expression(child(p, 'cel.expression'), cel.expression) : [required(child(p, 'cel'))],
  );

function expression(path: string, text: string): FieldError[] {
  if (Buffer.byteLength(text) > longestExpression) return [tooLong(path, longestExpression)];
  const { error, internal: failure, tooCostly } = checkDeviceSelector(text);
  if (failure !== undefined) return [internal(path, failure)];
  if (error !== undefined) return [invalidValue(path, text, error)];
  return tooCostly ? [forbidden(path, 'too complex, exceeds cost limit')] : [];
}

/** JSON that a driver understands: an object. */
export function parameters(path: string, value: unknown, maxBytes: number): FieldError[] {
  if (value === undefined || value === null) return [required(path)];
  const json = toJson(value) ?? '';
  if (Buffer.byteLength(json) > maxBytes) return [tooLong(path, maxBytes)];
  const isObject = typeof value === 'object' && !Array.isArray(value);
  return isObject ? [] : [invalidValue(path, '<value omitted>', 'must be a valid JSON object')];
}

const effects = ['NoExecute', 'NoSchedule', 'None'];
const operators = ['Equal', 'Exists'];

export function taint({ key, value, effect }: DeviceTaint, path: string): FieldError[] {
  return [
    ...keyFormatted(child(path, 'key'), key ?? '', qualifiedName),
    ...(value ? keyFormatted(child(path, 'value'), value, labelValue) : []),
    ...requiredOneOf(child(path, 'effect'), effect, effects),
  ];
}

export function toleration({ key, operator, value = '', effect }: DeviceToleration, path: string): FieldError[] {
  const errors = key ? keyFormatted(child(path, 'key'), key, qualifiedName) : [];
  const valuePath = child(path, 'value');
  if (!operator) errors.push(required(child(path, 'operator')));
  else if (!operators.includes(operator)) errors.push(notSupported(child(path, 'operator'), operator, operators));
  else if (operator === 'Equal') errors.push(...keyFormatted(valuePath, value, labelValue));
  else if (value) errors.push(invalidValue(valuePath, value, 'must be empty for operator `Exists`'));
  if (effect && !effects.includes(effect)) errors.push(notSupported(child(path, 'effect'), effect, effects));
  return errors;
}

export const tolerations = (list: readonly DeviceToleration[] | undefined, path: string): FieldError[] =>
  each(list, path, toleration);

interface BindingConditions {
  bindingConditions?: string[] | null;
  bindingFailureConditions?: string[] | null;
}
const mostConditions = 4;

/** What a device waits for before a pod is bound, and what tells that it waits in vain: both or neither, none in both. */
export function bindingConditions(
  { bindingConditions: wanted, bindingFailureConditions: failed }: BindingConditions,
  path: string,
): FieldError[] {
  const [wantedAt, failedAt] = [child(path, 'bindingConditions'), child(path, 'bindingFailureConditions')];
  const condition: Check<string> = (name, p) => keyFormatted(p, name, qualifiedName);
  const errors = [
    ...limited(wanted, mostConditions, wantedAt, condition),
    ...limited(failed, mostConditions, failedAt, condition),
    ...repeated(wanted, wantedAt),
    ...repeated(failed, failedAt),
    ...each(failed, failedAt, (name, p) =>
      wanted?.includes(name)
        ? [invalidValue(p, name, 'bindingFailureConditions must not overlap with bindingConditions')]
        : [],
    ),
  ];
  const needs = (p: string, member: string, other: string, list: string[] | null | undefined) =>
    errors.push(invalidValue(p, list ?? null, `${member} are required to use ${other}`));
  if (!wanted?.length && failed?.length) needs(wantedAt, 'bindingConditions', 'bindingFailureConditions', wanted);
  if (!failed?.length && wanted?.length) needs(failedAt, 'bindingFailureConditions', 'bindingConditions', failed);
  return errors;
}

const repeated = (names: readonly string[] | null | undefined, path: string): FieldError[] =>
  each(names, path, (name, p, i) => (names && names.indexOf(name) < i ? [duplicate(p, name)] : []));

/** An address of an interface, with the length of its network's prefix: `10.9.8.7/24`. */
export const interfaceAddress: Check<string> = (value, path) => {
  const [address = '', prefix = '', ...rest] = value.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  const isValid = rest.length === 0 && /^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= bits;
  const text = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)';
  return isValid ? [] : [invalidValue(path, value, text)];
};
