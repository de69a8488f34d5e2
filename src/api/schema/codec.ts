import { Cursor, inList, inMap } from './cursor.ts';
import { type Reader, scalarReaders } from './scalars.ts';
import type { FieldSchema, TypeSchema } from './table.ts';

type Json = Record<string, unknown>;

/** Checks and normalises the objects of one type. */
export interface Codec {
  readonly type: string;
  /**
   * The object as the API server would write it: members in the schema's order, unknown ones dropped (and named in
   * `unknown`), nulls and empty values as Go's encoder leaves them, quantities, times and bytes in canonical form. The
   * result is the caller's own, except free-form JSON (raw extensions), which is passed through. `kind` and
   * `apiVersion` are set from the schema. Throws `StatusError` BadRequest when a value has the wrong type.
   */
  decode(value: unknown): { object: unknown; unknown: string[] };
}

/** What the compiler asks of the schema. */
export interface TypeSource {
  type(name: string): TypeSchema | undefined;
  /** The JSON members of a struct in order, embedded structs inlined. */
  fields(name: string): ReadonlyMap<string, FieldSchema>;
}

/** `io.k8s.api.core.v1.Container` → `v1.Container`, as Go prints the type. */
const goName = (name: string): string => name.split('.').slice(-2).join('.');
const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

const isJsonObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Assigns a member whose name came from outside: `__proto__` becomes a plain member, too. */
function setMember(target: Json, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}

interface Member {
  name: string;
  index: number;
  reader: Reader;
  pointer: boolean;
  /** omitempty or omitzero drops the member when `isEmpty` says so. */
  omit: boolean;
  omitZero: boolean;
  /** An empty list is not none: see `unlikeNone`. */
  keepsEmpty: boolean;
}

/**
 * Lists that stand for something when they are empty: a default takes the place of none, and validation refuses the empty one.
 * Go does not write such a list, but has it in memory until then.
 */
const unlikeNone = new Set(['io.k8s.api.autoscaling.v2.HPAScalingRules.policies']);

function isEmpty(value: unknown, member: Member): boolean {
  if (member.pointer) return false;
  switch (member.reader.shape) {
    case 'value':
      return value === '' || value === 0 || value === false || value === null;
    case 'list':
      return (value as unknown[]).length === 0 && !member.keepsEmpty;
    case 'map':
      for (const _ in value as Json) return false;
      return true;
    default:
      return member.omitZero && value === null;
  }
}

function withKind(object: Json, kind: string, apiVersion: string): Json {
  if (object.kind === kind && object.apiVersion === apiVersion) return object;
  const typed: Json = { kind, apiVersion };
  return Object.assign(typed, object, { kind, apiVersion });
}

/** Compiles readers on first use and keeps them. */
export class CodecCompiler {
  readonly #source: TypeSource;
  readonly #readers = new Map<string, Reader>(Object.entries(scalarReaders));

  constructor(source: TypeSource) {
    this.#source = source;
    const schemaType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
    this.#readers.set(
      'jsonschemaorbool',
      this.#either(schemaType, (v) => typeof v === 'boolean'),
    );
    this.#readers.set('jsonschemaorarray', this.#schemaOrList(schemaType, `[]${schemaType}`));
    this.#readers.set('jsonschemaorstringarray', this.#schemaOrList(schemaType, '[]string'));
  }

  codec(name: string): Codec {
    const type = this.#source.type(name);
    if (!type) throw new Error(`no type ${name} in the schema`);
    const reader = this.reader(name);
    const [group, version, kind] = type.gvk ?? ['', '', shortName(name)];
    const prefix = `${kind} in version "${version}" cannot be handled as a ${kind}`;
    const apiVersion = group ? `${group}/${version}` : version;
    return {
      type: name,
      decode(value) {
        const at = new Cursor(prefix);
        const object = reader.read(value, at);
        const untyped = type.gvk !== undefined && isJsonObject(object);
        return { object: untyped ? withKind(object, kind, apiVersion) : object, unknown: at.unknown };
      },
    };
  }

  reader(t: string): Reader {
    let reader = this.#readers.get(t);
    if (!reader) {
      reader = this.#compile(t);
      this.#readers.set(t, reader);
    }
    return reader;
  }

  #compile(t: string): Reader {
    if (t.startsWith('[]')) return this.#list(t.slice(2));
    if (t.startsWith('map[string]')) return this.#map(t.slice('map[string]'.length));
    const type = this.#source.type(t);
    if (!type) return scalarReaders.any as Reader;
    if (type.k === 'struct') return this.#struct(t);
    return { ...this.reader(type.k), goType: goName(t) };
  }

  #list(elementType: string): Reader {
    const element = this.reader(elementType);
    const goType = `[]${element.goType}`;
    const read = (value: unknown, at: Cursor): unknown => {
      if (!Array.isArray(value)) throw at.mismatch(value, goType);
      at.enter(inList);
      // Not pushed one by one: that leaves room for sixteen more, and these lists live long.
      const out = value.map((item: unknown, i) => {
        at.steps[at.depth] = i;
        return item === null || item === undefined ? element.zero() : element.read(item, at);
      });
      at.leave();
      return out;
    };
    return { read, zero: () => null, shape: 'list', goType };
  }

  #map(elementType: string): Reader {
    const element = this.reader(elementType);
    const goType = `map[string]${element.goType}`;
    const read = (value: unknown, at: Cursor): unknown => {
      if (!isJsonObject(value)) throw at.mismatch(value, goType);
      at.enter(inMap);
      const out: Json = {};
      for (const key of sortedKeys(value)) {
        at.steps[at.depth] = key;
        const item = value[key];
        setMember(out, key, item === null || item === undefined ? element.zero() : element.read(item, at));
      }
      at.leave();
      return out;
    };
    return { read, zero: () => null, shape: 'map', goType };
  }

  #struct(name: string): Reader {
    let read: Reader['read'] = (value, at) => {
      read = structReader(shortName(name), goName(name), this.#members(name));
      return read(value, at);
    };
    const reader = { read: (value: unknown, at: Cursor) => read(value, at), goType: goName(name) };
    return { ...reader, zero: () => read({}, new Cursor('')), shape: 'struct' };
  }

  #members(name: string): Member[] {
    return [...this.#source.fields(name).values()].map((field, index) => {
      const reader = this.reader(field.t);
      return {
        name: field.n,
        index,
        reader: field.a && field.a !== field.t ? renamed(reader, goName(field.a)) : reader,
        pointer: field.ptr === 1,
        omit: field.om === 1 || field.oz === 1,
        omitZero: field.oz === 1,
        keepsEmpty: unlikeNone.has(`${name}.${field.n}`),
      };
    });
  }

  #either(struct: string, passes: (value: unknown) => boolean): Reader {
    const read: Reader['read'] = (value, at) => (passes(value) ? value : this.reader(struct).read(value, at));
    return { read, zero: () => null, shape: 'struct', goType: goName(struct) };
  }

  #schemaOrList(struct: string, list: string): Reader {
    const read: Reader['read'] = (value, at) => this.reader(Array.isArray(value) ? list : struct).read(value, at);
    return { read, zero: () => null, shape: 'struct', goType: goName(struct) };
  }
}

/** A reader whose errors name another Go type (`v1.RestartPolicy` for a string). */
function renamed(reader: Reader, goType: string): Reader {
  if (reader.goType !== 'string') return reader;
  const read: Reader['read'] = (value, at) => {
    if (typeof value !== 'string') throw at.mismatch(value, goType);
    return value;
  };
  return { ...reader, read, goType };
}

/** Go writes maps in the order of their keys. */
function sortedKeys(value: Json): string[] {
  const keys = Object.keys(value);
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
  return keys;
}

/** A member that is written even when the object does not have it. */
const alwaysWritten = (m: Member): boolean => !m.omit || (m.reader.shape === 'struct' && !m.pointer && !m.omitZero);

const absent = (m: Member): unknown => (m.pointer ? null : m.reader.zero());

/**
 * Reads the members that are there, in one pass. As long as they come in the schema's order (which they do, coming from
 * Go programs or from ourselves) the result is built in order; otherwise it is put in order at the end.
 */
function structReader(struct: string, goType: string, members: Member[]): Reader['read'] {
  const byName = new Map(members.map((m) => [m.name, m]));
  const always = members.filter(alwaysWritten);

  function fillUpTo(index: number, from: number, out: Json): number {
    let next = from;
    for (let m = always[next]; m && m.index <= index; m = always[++next])
      if (m.index !== index && out[m.name] === undefined) out[m.name] = absent(m);
    return next;
  }

  const inOrder = (out: Json): Json => {
    const ordered: Json = {};
    for (const m of members) if (out[m.name] !== undefined) ordered[m.name] = out[m.name];
    return ordered;
  };

  return (value, at) => {
    if (!isJsonObject(value)) throw at.mismatch(value, goType);
    at.enter(struct);
    const out: Json = {};
    let next = 0;
    let last = -1;
    let disorder = false;
    for (const key in value) {
      const member = byName.get(key);
      if (member === undefined) {
        at.noteUnknown(key);
        continue;
      }
      const given = value[key];
      if (given === null || given === undefined) continue;
      at.steps[at.depth] = key;
      const read = member.reader.read(given, at);
      // Go's storage form does not tell an empty list from none: one that must be written is null.
      if (isEmpty(read, member) && (member.omit || member.reader.shape !== 'value')) continue;
      next = fillUpTo(member.index, next, out);
      if (member.index < last) disorder = true;
      last = member.index;
      out[key] = read;
    }
    if (next < always.length) fillUpTo(members.length, next, out);
    at.leave();
    return disorder ? inOrder(out) : out;
  };
}
