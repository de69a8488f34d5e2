/** The static type of an expression. `max`: how many characters, elements or entries there can be, where that is known. */
export type Type =
  | { kind: ScalarKind; max?: number }
  | { kind: 'list'; element: Type; max?: number }
  | { kind: 'map'; key: Type; value: Type; max?: number }
  | { kind: 'optional'; of: Type }
  /** The type of a type: `type(1) == int`. */
  | { kind: 'type' }
  | ObjectType
  /** A type of a library, known by its name: `kubernetes.Quantity`. */
  | { kind: 'opaque'; name: string }
  /** A type variable of a function's signature. */
  | { kind: 'param'; name: string };

export type ScalarKind =
  | 'int'
  | 'uint'
  | 'double'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'dyn';

/** An object with declared fields. Fields are asked for: a schema may be large, or contain itself. */
export interface ObjectType {
  kind: 'object';
  name: string;
  field(name: string): Field | undefined;
}

/** A type that expressions can make values of: `Name{field: value}`. */
export interface Constructible {
  type: ObjectType;
  /** Why a field cannot have a value of a type that its own type would take; undefined: it can. */
  refuses?(field: string, value: Type): string | undefined;
}

export interface Field {
  type: Type;
  /** The member of the JSON object: an identifier may have had to be escaped. */
  member: string;
}

const scalar = (kind: ScalarKind): Type => ({ kind });
export const int = scalar('int');
export const uint = scalar('uint');
export const double = scalar('double');
export const bool = scalar('bool');
export const string = scalar('string');
export const bytes = scalar('bytes');
export const nullType = scalar('null');
export const timestamp = scalar('timestamp');
export const duration = scalar('duration');
export const dyn = scalar('dyn');
export const typeType: Type = { kind: 'type' };
export const list = (element: Type): Type => ({ kind: 'list', element });
export const map = (key: Type, value: Type): Type => ({ kind: 'map', key, value });
export const optional = (of: Type): Type => ({ kind: 'optional', of });
export const opaque = (name: string): Type => ({ kind: 'opaque', name });
export const param = (name: string): Type => ({ kind: 'param', name });

/** A type as messages show it. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list(${typeName(type.element)})`;
    case 'map':
      return `map(${typeName(type.key)}, ${typeName(type.value)})`;
    case 'optional':
      return `optional_type(${typeName(type.of)})`;
    case 'object':
    case 'opaque':
    case 'param':
      return type.name;
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'duration':
      return 'google.protobuf.Duration';
    default:
      return type.kind;
  }
}

/** What type variables stand for. */
export type Bindings = Map<string, Type>;

const isDyn = (type: Type): boolean => type.kind === 'dyn';

/** Whether a value of one type may stand where another is wanted; binds the variables of `wanted`. */
export function assignable(given: Type, wanted: Type, bindings: Bindings): boolean {
  if (wanted.kind === 'param') {
    const bound = bindings.get(wanted.name);
    // What an empty list is of is not known: to ask for that again would not end.
    if (!bound || isDyn(bound) || bound.kind === 'param') {
      bindings.set(wanted.name, bound && isDyn(bound) ? bound : given);
      return true;
    }
    if (isDyn(given) || given.kind === 'param') return true;
    if (assignable(given, bound, bindings)) return true;
    // The wider of the two: an empty list says nothing of its elements.
    if (!assignable(bound, given, bindings)) return false;
    bindings.set(wanted.name, given);
    return true;
  }
  if (isDyn(given) || isDyn(wanted) || given.kind === 'param') return true;
  if (given.kind === 'null')
    return (
      wanted.kind === 'null' ||
      wanted.kind === 'object' ||
      wanted.kind === 'opaque' ||
      wanted.kind === 'timestamp' ||
      wanted.kind === 'duration' ||
      wanted.kind === 'optional'
    );
  if (given.kind !== wanted.kind) return false;
  switch (wanted.kind) {
    case 'list':
      return assignable((given as typeof wanted).element, wanted.element, bindings);
    case 'map':
      return (
        assignable((given as typeof wanted).key, wanted.key, bindings) &&
        assignable((given as typeof wanted).value, wanted.value, bindings)
      );
    case 'optional':
      return assignable((given as typeof wanted).of, wanted.of, bindings);
    case 'object':
    case 'opaque':
      return (given as typeof wanted).name === wanted.name;
    default:
      return true;
  }
}

/** A type with its variables replaced; those that nothing is known of are anything. */
export function substitute(type: Type, bindings: Bindings): Type {
  switch (type.kind) {
    case 'param':
      return bindings.get(type.name) ?? dyn;
    case 'list':
      return list(substitute(type.element, bindings));
    case 'map':
      return map(substitute(type.key, bindings), substitute(type.value, bindings));
    case 'optional':
      return optional(substitute(type.of, bindings));
    default:
      return type;
  }
}

/** The type that fits both; anything where they differ. */
export function join(a: Type, b: Type): Type {
  if (assignable(b, a, new Map())) return isDyn(b) ? b : a;
  return assignable(a, b, new Map()) ? b : dyn;
}
