import { type JsonObject, setMember } from '../meta/json.ts';
import { DecodeError } from '../schema/decode-error.ts';
import { isEmbedded, isMap, isPreserving, itemsOf, resourceMembers, type Structural, valuesOf } from './schema.ts';

/** Objects nested deeper than this are refused, as for built-in kinds. */
const maxDepth = 200;
/** Never more than this many are named. */
const maxFindings = 100;

/** Copies values, members in the order of their names, without those that the schema does not have. */
export class Pruning {
  /** The paths of what was left out. */
  readonly unknown: string[] = [];
  readonly #prefix: string;

  /** `prefix`: what an error begins with. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The members of a resource besides its type and metadata. */
  root(schema: Structural, object: JsonObject): JsonObject {
    return this.#members(schema, object, { path: '', depth: 1, isResource: true });
  }

  #value(schema: Structural | undefined, value: unknown, at: { path: string; depth: number }): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const { path, depth } = at;
    if (depth > maxDepth) throw new DecodeError(this.#prefix, `exceeded max depth of ${maxDepth}`);
    if (!Array.isArray(value)) {
      const place = { path, depth: depth + 1, isResource: isEmbedded(schema) };
      return this.#members(schema, value as JsonObject, place);
    }
    const items = itemsOf(schema);
    // A list in free form stays so below.
    const below = items ?? (isPreserving(schema) ? schema : undefined);
    return value.map((item, i) => this.#value(below, item, { path: `${path}[${i}]`, depth: depth + 1 }));
  }

  #members(
    schema: Structural | undefined,
    object: JsonObject,
    at: { path: string; depth: number; isResource: boolean },
  ): JsonObject {
    const { properties } = schema ?? {};
    const free = isPreserving(schema);
    const values = valuesOf(schema);
    const out: JsonObject = {};
    for (const name of Object.keys(object).sort()) {
      const path = at.path ? `${at.path}.${name}` : name;
      const place = { path, depth: at.depth };
      if (at.isResource && resourceMembers.has(name)) setMember(out, name, object[name]);
      else if (properties && Object.hasOwn(properties, name))
        setMember(out, name, this.#value(properties[name], object[name], place));
      else if (schema && isMap(schema)) setMember(out, name, this.#value(values, object[name], place));
      else if (free) setMember(out, name, this.#value(anything, object[name], place));
      else if (this.unknown.length < maxFindings) this.unknown.push(path);
    }
    return out;
  }
}

const anything: Structural = { 'x-kubernetes-preserve-unknown-fields': true };
