import { appsDefaults } from './defaults-apps.ts';
import { coreDefaults } from './defaults-core.ts';
import { extensionDefaults } from './defaults-extension.ts';
import { podDefaults } from './defaults-pod.ts';
import { policyDefaults } from './defaults-policy.ts';
import { schema, type Schema } from './schema.ts';

type Json = Record<string, unknown>;

/** The defaults of one type. They see decoded objects: what is absent was absent, null or empty in the request. */
export interface TypeDefaults {
  /**
   * What an unset member becomes: a scalar, or a function for the rest. A function's `undefined` leaves it unset. `now`: as
   * `ApplyDefaults` was told.
   */
  // biome-ignore lint/suspicious/noExplicitAny: each rule names its own type
  unset?: Record<string, string | number | boolean | ((object: any, now: Now | undefined) => unknown)>;
  /** Everything else; runs before `unset`, parents before children. */
  // biome-ignore lint/suspicious/noExplicitAny: each rule names its own type
  apply?(object: any): void;
  /** Members that `apply` reaches into: they are put in order afterwards. */
  reorder?: string[];
}

/** Rules by type name. */
export type DefaultsTable = Record<string, TypeDefaults>;

/**
 * Fills in what a writer left out; the result is the same object where nothing moved, else one in schema order. Without
 * `now` nothing is filled in with the time: nothing is written.
 */
export type ApplyDefaults = (type: string, object: unknown, now?: Now) => unknown;

/** The time at which something is written, RFC 3339 in seconds: a text that few writes need. */
export type Now = () => string;

type Walk = (value: unknown, now: Now | undefined) => unknown;

/**
 * Compiles a table of rules into a walker that visits only what has rules below it. Objects are changed in place and put
 * back into the schema's order. Source: the defaulting functions of Kubernetes, as `facts` list them.
 */
export function createDefaults(types: Schema, table: DefaultsTable): ApplyDefaults {
  const walkers = new Map<string, Walk | undefined>();
  const ruleOf = (t: string): TypeDefaults | undefined => ruleIn(table, types, t);
  const reaches = new Map<string, boolean>();

  /** Whether a type or anything below it has rules. */
  function hasRules(t: string): boolean {
    const known = reaches.get(t);
    if (known !== undefined) return known;
    const found = search(t, new Set());
    reaches.set(t, found);
    return found;
  }

  function search(t: string, seen: Set<string>): boolean {
    const element = types.element(t);
    if (ruleOf(t)) return true;
    if (element) return search(element, seen);
    if (seen.has(t)) return false;
    seen.add(t);
    for (const field of types.fields(t).values())
      if ((field.a && ruleOf(field.a)) || search(field.t, seen)) return true;
    return false;
  }

  function walkerOf(t: string): Walk | undefined {
    if (walkers.has(t)) return walkers.get(t);
    // Set first: a type that contains itself finds its own walker.
    const walk: Walk = (value, now) => compiled(value, now);
    walkers.set(t, hasRules(t) ? walk : undefined);
    const compiled = hasRules(t) ? compile(t) : walk;
    return walkers.get(t);
  }

  function compile(t: string): Walk {
    const element = types.element(t);
    if (element) return elements(element, ruleOf(t));
    return struct(t);
  }

  function elements(element: string, rule: TypeDefaults | undefined): Walk {
    const walk = walkerOf(element);
    return (value, now) => {
      if (typeof value !== 'object' || value === null) return value;
      rule?.apply?.(value);
      if (walk) for (const key of Object.keys(value)) (value as Json)[key] = walk((value as Json)[key], now);
      return value;
    };
  }

  function struct(t: string): Walk {
    const fields = types.fields(t);
    const children = [...fields.values()]
      .map((field) => ({ name: field.n, walk: walkerOf(field.a && ruleOf(field.a) ? field.a : field.t) }))
      .filter((child) => child.walk !== undefined);
    const fill = filler(types, t, ruleOf(t));
    const inOrder = orderer(types, t);
    return (value, now) => {
      if (typeof value !== 'object' || value === null) return value;
      const object = value as Json;
      fill(object, now);
      for (const { name, walk } of children) if (object[name] !== undefined) object[name] = walk?.(object[name], now);
      return inOrder(object);
    };
  }

  return (type, object, now) => walkerOf(type)?.(object, now) ?? object;
}

/** The rules of a type. Versions that say the same have the same defaults. */
function ruleIn(table: DefaultsTable, types: Schema, t: string): TypeDefaults | undefined {
  const same = types.type(t)?.same;
  return table[t] ?? (same === undefined ? undefined : ruleIn(table, types, same));
}

type Fill = (object: Json, now: Now | undefined) => void;

function filler(types: Schema, t: string, rule: TypeDefaults | undefined): Fill {
  const unset = Object.entries(rule?.unset ?? {}).map(([name, value]) => {
    const field = types.fieldOf(t, name);
    if (!field) throw new Error(`default for ${t}.${name}, which the schema does not have`);
    return { name, value, pointer: field.ptr === 1 };
  });
  const isUnset = (value: unknown, pointer: boolean): boolean =>
    value === undefined || value === null || (!pointer && (value === '' || value === 0));
  return (object, now) => {
    rule?.apply?.(object);
    for (const member of rule?.reorder ?? []) {
      const field = types.fieldOf(t, member);
      if (field && object[member] !== undefined) object[member] = inSchemaOrder(types, field.t, object[member]);
    }
    for (const { name, value, pointer } of unset) {
      if (!isUnset(object[name], pointer)) continue;
      const given = typeof value === 'function' ? value(object, now) : value;
      if (given !== undefined) object[name] = given;
    }
  };
}

/** Returns the object itself when its members are in the schema's order, else a copy of it that is. */
function orderer(types: Schema, t: string): (object: Json) => Json {
  const index = new Map([...types.fields(t).keys()].map((name, i) => [name, i]));
  return (object) => {
    let last = -1;
    for (const name in object) {
      const i = index.get(name) ?? -1;
      if (i < last) return sorted(object);
      last = i;
    }
    return object;
  };
  function sorted(object: Json): Json {
    const out: Json = {};
    for (const name of index.keys()) if (object[name] !== undefined) out[name] = object[name];
    return out;
  }
}

/** A decoded value with all members in the schema's order, at every depth. */
export function inSchemaOrder(types: Schema, t: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const element = types.element(t);
  if (element) {
    const members = value as Json;
    for (const key of Object.keys(members)) members[key] = inSchemaOrder(types, element, members[key]);
    return value;
  }
  const fields = types.fields(t);
  if (fields.size === 0) return value;
  const out: Json = {};
  for (const [name, field] of fields) {
    const member = (value as Json)[name];
    if (member !== undefined) out[name] = inSchemaOrder(types, field.t, member);
  }
  return out;
}

/** All rules of the built-in kinds. A test checks that every name is a type of the schema. */
export const defaultsTable: DefaultsTable = {
  ...podDefaults,
  ...coreDefaults,
  ...appsDefaults,
  ...policyDefaults,
  ...extensionDefaults,
};

/** Defaults of the built-in kinds. */
export const applyDefaults: ApplyDefaults = createDefaults(schema, defaultsTable);
