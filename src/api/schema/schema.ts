import { schemaTable } from '../generated/schema.ts';
import { type Codec, CodecCompiler } from './codec.ts';
import type { FieldSchema, SchemaTable, TypeSchema } from './table.ts';

/** What the fact tables say, ready to be asked: by the codecs, defaults, patches and managed fields. */
export interface Schema {
  /** A named type; undefined for scalars and names that the table does not have. */
  type(name: string): TypeSchema | undefined;
  /** The names of all types. */
  types(): string[];
  /** The JSON members of a struct in order, embedded structs inlined; empty for everything else. */
  fields(name: string): ReadonlyMap<string, FieldSchema>;
  /** One member of a struct. */
  fieldOf(type: string, name: string): FieldSchema | undefined;
  /** The type behind a name that only renames another (`ResourceList` → `map[string]quantity`). */
  resolve(t: string): string;
  /** What a list or map consists of; undefined for other types. */
  element(t: string): string | undefined;
  kindOf(t: string): 'struct' | 'list' | 'map' | 'scalar';
  /** The codec of a type, compiled on first use. Throws for a name that the table does not have. */
  codecFor(type: string): Codec;
}

const noFields: ReadonlyMap<string, FieldSchema> = new Map();

/** A schema over a table. The table must not change afterwards. */
export function createSchema(table: SchemaTable): Schema {
  const flattened = new Map<string, ReadonlyMap<string, FieldSchema>>();
  const codecs = new Map<string, Codec>();
  const type = (name: string): TypeSchema | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

  function flatten(name: string): Map<string, FieldSchema> {
    const fields = new Map<string, FieldSchema>();
    for (const field of type(name)?.f ?? []) {
      if (!field.i) fields.set(field.n, field);
      else for (const [inner, schema] of flatten(field.t)) if (!fields.has(inner)) fields.set(inner, schema);
    }
    return fields;
  }

  function fields(name: string): ReadonlyMap<string, FieldSchema> {
    const known = flattened.get(name);
    if (known) return known;
    const target = resolve(name);
    if (type(target)?.k !== 'struct') return noFields;
    const made = flatten(target);
    flattened.set(name, made);
    return made;
  }

  function resolve(t: string): string {
    let name = t;
    for (let k = type(name)?.k; k !== undefined && k !== 'struct'; k = type(name)?.k) name = k;
    return name;
  }

  function element(t: string): string | undefined {
    const base = resolve(t);
    if (base.startsWith('[]')) return base.slice(2);
    return base.startsWith('map[string]') ? base.slice('map[string]'.length) : undefined;
  }

  function kindOf(t: string): 'struct' | 'list' | 'map' | 'scalar' {
    const base = resolve(t);
    if (base.startsWith('[]')) return 'list';
    if (base.startsWith('map[string]')) return 'map';
    return type(base)?.k === 'struct' ? 'struct' : 'scalar';
  }

  const compiler = new CodecCompiler({ type, fields });

  function codecFor(name: string): Codec {
    let codec = codecs.get(name);
    if (!codec) {
      codec = compiler.codec(name);
      codecs.set(name, codec);
    }
    return codec;
  }

  const types = (): string[] => Object.keys(table);
  return { type, types, fields, fieldOf: (t, name) => fields(t).get(name), resolve, element, kindOf, codecFor };
}

/** The schema of the built-in API. Immutable data; codecs are compiled into it on first use. */
export const schema: Schema = createSchema(schemaTable);

const registered = new Set(schema.types().flatMap((name) => schema.type(name)?.gvk?.join('/') ?? []));

/** Whether a kind of that apiVersion exists in the built-in API, served or not. */
export function isRegistered(apiVersion: string, kind: string): boolean {
  const slash = apiVersion.indexOf('/');
  return registered.has(`${slash < 0 ? `/${apiVersion}` : apiVersion}/${kind}`);
}
