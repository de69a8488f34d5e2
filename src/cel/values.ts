import { Uint } from './ast.ts';
import { EvaluationError } from './errors.ts';
import { Duration, Timestamp } from './time.ts';
import { dyn, type ObjectType, type Type, typeName } from './types.ts';

/** A value at run time. Objects of JSON are looked into as far as an expression goes, and never copied. */
export type Value =
  | bigint
  | Uint
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Timestamp
  | Duration
  | CelList
  | CelMap
  | Struct
  | Optional
  | TypeValue
  | Opaque;

/** A value of a library's own type. */
export interface Opaque {
  /** `kubernetes.Quantity`. */
  readonly celType: string;
  equals(other: Value): boolean;
}

/** The value of `type(x)`. */
export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

export class CelList {
  readonly size: number;
  readonly #at: (index: number) => Value;

  private constructor(size: number, at: (index: number) => Value) {
    this.size = size;
    this.#at = at;
  }

  static of(values: readonly Value[]): CelList {
    return new CelList(values.length, (index) => values[index] as Value);
  }

  static json(values: readonly unknown[], element: Type): CelList {
    return new CelList(values.length, (index) => adapt(values[index], element));
  }

  at(index: number): Value {
    return this.#at(index);
  }

  values(): Value[] {
    return Array.from({ length: this.size }, (_, i) => this.#at(i));
  }
}

export type Key = string | bigint | boolean | Uint;

interface MapContent {
  entries?: ReadonlyMap<string, [Key, Value]>;
  json?: Readonly<Record<string, unknown>>;
  /** The type of the values of `json`. */
  value?: Type;
  lazy?: { keys: string[]; get(key: string): Value };
}

export class CelMap {
  readonly #lazy: { keys: string[]; get(key: string): Value } | undefined;
  readonly #entries: ReadonlyMap<string, [Key, Value]> | undefined;
  readonly #json: Readonly<Record<string, unknown>> | undefined;
  readonly #value: Type;

  private constructor({ entries, json, value, lazy }: MapContent) {
    this.#entries = entries;
    this.#json = json;
    this.#value = value ?? dyn;
    this.#lazy = lazy;
  }

  static of(entries: readonly [Key, Value][]): CelMap {
    return new CelMap({ entries: new Map(entries.map(([key, value]) => [keyText(key), [key, value]])) });
  }

  static json(object: Readonly<Record<string, unknown>>, value: Type): CelMap {
    return new CelMap({ json: object, value });
  }

  /** Values that are made when they are asked for. */
  static lazy(keys: string[], get: (key: string) => Value): CelMap {
    return new CelMap({ lazy: { keys, get } });
  }

  get size(): number {
    return this.#entries?.size ?? this.#lazy?.keys.length ?? Object.keys(this.#json ?? {}).length;
  }

  keys(): Key[] {
    if (this.#lazy) return this.#lazy.keys;
    return this.#entries ? [...this.#entries.values()].map(([key]) => key) : Object.keys(this.#json ?? {});
  }

  get(key: Value): Value | undefined {
    if (this.#lazy) return typeof key === 'string' && this.#lazy.keys.includes(key) ? this.#lazy.get(key) : undefined;
    if (this.#entries) return this.#entries.get(keyText(key))?.[1];
    if (typeof key !== 'string' || !this.#json || !Object.hasOwn(this.#json, key)) return undefined;
    return adapt(this.#json[key], this.#value);
  }
}

/** Numbers that are equal are the same key, whatever their type. */
function keyText(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === 'number' && Number.isInteger(key)) return `n${BigInt(key)}`;
  return typeof key === 'boolean' ? `b${key}` : '';
}

/** An object with declared fields. */
export class Struct {
  readonly type: ObjectType;
  readonly json: Readonly<Record<string, unknown>>;

  constructor(type: ObjectType, json: Readonly<Record<string, unknown>>) {
    this.type = type;
    this.json = json;
  }

  /** Undefined: not set. */
  get(name: string): Value | undefined {
    const field = this.type.field(name);
    if (!field || !Object.hasOwn(this.json, field.member)) return undefined;
    const value = this.json[field.member];
    return value === undefined ? undefined : adapt(value, field.type);
  }
}

const isJsonObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON as a value of a type: whole numbers are what the type says they are. */
export function adapt(json: unknown, type: Type): Value {
  if (json === null || json === undefined) return null;
  switch (type.kind) {
    case 'int':
      return typeof json === 'number' ? BigInt(Math.trunc(json)) : adaptFree(json);
    case 'uint':
      return typeof json === 'number' ? new Uint(BigInt(Math.trunc(json))) : adaptFree(json);
    case 'double':
      return typeof json === 'number' ? json : typeof json === 'bigint' ? Number(json) : adaptFree(json);
    case 'bytes':
      return typeof json === 'string' ? new Uint8Array(Buffer.from(json, 'base64')) : adaptFree(json);
    case 'timestamp':
      return typeof json === 'string' ? Timestamp.parse(json) : adaptFree(json);
    case 'duration':
      return typeof json === 'string' ? Duration.parse(json) : adaptFree(json);
    case 'list':
      return Array.isArray(json) ? CelList.json(json, type.element) : adaptFree(json);
    case 'map':
      return isJsonObject(json) ? CelMap.json(json, type.value) : adaptFree(json);
    case 'object':
      return isJsonObject(json) ? new Struct(type, json) : adaptFree(json);
    default:
      return adaptFree(json);
  }
}

/** JSON of no declared type; values that are no JSON are values already. */
function adaptFree(json: unknown): Value {
  switch (typeof json) {
    case 'number':
      return Number.isInteger(json) ? BigInt(json) : json;
    case 'string':
    case 'boolean':
    case 'bigint':
      return json;
    default:
      if (Array.isArray(json)) return CelList.json(json, dyn);
      return Object.getPrototypeOf(json) === Object.prototype
        ? CelMap.json(json as Record<string, unknown>, dyn)
        : (json as Value);
  }
}

export const isOpaque = (value: Value): value is Opaque =>
  typeof value === 'object' && value !== null && 'celType' in value;

/** The name of a value's type, as `type(x)` has it. */
export function typeOfValue(value: Value): string {
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    default:
  }
  if (value === null) return 'null_type';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return 'map';
  if (value instanceof Struct) return typeName(value.type);
  if (value instanceof Optional) return 'optional_type';
  return value instanceof TypeValue ? 'type' : (value as Opaque).celType;
}

const asNumber = (value: Value): number | bigint | undefined => {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
};

/** Equality across types: numbers by value, everything else only with its own kind. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  const left = asNumber(a);
  const right = asNumber(b);
  // Loosely on purpose: 1 is 1n.
  if (left !== undefined && right !== undefined) return left == right;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b);
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b);
  if (a instanceof Struct) return b instanceof Struct && equalStructs(a, b);
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b);
  return isOpaque(a) && a.equals(b);
}

const equalOptionals = (a: Optional, b: Optional): boolean =>
  a.value === undefined || b.value === undefined ? a.value === b.value : equals(a.value, b.value);

function equalLists(a: CelList, b: CelList): boolean {
  if (a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false;
  return true;
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  return a.keys().every((key) => {
    const other = b.get(key);
    return other !== undefined && equals(a.get(key) as Value, other);
  });
}

function equalStructs(a: Struct, b: Struct): boolean {
  const names = Object.keys(a.json);
  if (names.length !== Object.keys(b.json).length) return false;
  return names.every((name) => {
    if (!Object.hasOwn(b.json, name)) return false;
    return equals(adapt(a.json[name], dyn), adapt(b.json[name], dyn));
  });
}

/** How much there is of a value: what costs depend on. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  return value instanceof Uint8Array ? value.length : 1;
}

const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

/** Throws where a result does not fit into 64 bits. */
export function checkedInt(value: bigint): bigint {
  if (value < least || value > most) throw new EvaluationError('integer overflow');
  return value;
}

export function checkedUint(value: bigint): Uint {
  if (value < 0n || value >= 2n ** 64n) throw new EvaluationError('unsigned integer overflow');
  return new Uint(value);
}
