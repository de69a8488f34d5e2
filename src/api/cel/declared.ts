import { reserved } from '../../cel/parser.ts';
import * as t from '../../cel/types.ts';
import type { Field, Type } from '../../cel/types.ts';
import {
  isEmbedded,
  isIntOrString,
  isMap,
  isPreserving,
  itemsOf,
  type Structural,
  valuesOf,
} from '../structural/schema.ts';

/** Words of the language: a field of this name is written `__name__`. */
const words: ReadonlySet<string> = new Set([...reserved, 'true', 'false', 'null', 'in']);

const escapes: [RegExp, string][] = [
  [/__/g, '__underscores__'],
  [/\./g, '__dot__'],
  [/-/g, '__dash__'],
  [/\//g, '__slash__'],
];

/** A member's name as expressions write it; undefined for one that they cannot name. */
export function escapeName(name: string): string | undefined {
  if (words.has(name)) return `__${name}__`;
  let escaped = name;
  for (const [pattern, by] of escapes) escaped = escaped.replace(pattern, by);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

const text = (max: number): Type => ({ kind: 'string', max });
const names: Record<string, Field> = {
  name: { type: text(253), member: 'name' },
  generateName: { type: text(253), member: 'generateName' },
};
const metadata: Type = { kind: 'object', name: 'ObjectMeta', field: (name) => names[name] };
const typeMeta: Record<string, Field> = {
  apiVersion: { type: text(253), member: 'apiVersion' },
  kind: { type: text(63), member: 'kind' },
  metadata: { type: metadata, member: 'metadata' },
};

/** The declared type of values of a schema; undefined where expressions cannot look. */
export function declaredType(schema: Structural, isResource = isEmbedded(schema), name = 'object'): Type | undefined {
  if (isIntOrString(schema)) return t.dyn;
  switch (schema.type) {
    case 'string':
      return stringType(schema);
    case 'integer':
      return t.int;
    case 'number':
      return t.double;
    case 'boolean':
      return t.bool;
    case 'array': {
      const items = itemsOf(schema);
      const element = items && declaredType(items, undefined, `${name}.@idx`);
      return element && { kind: 'list', element, ...bound(schema.maxItems) };
    }
    case 'object':
      return objectType(schema, isResource, name);
    default:
      return undefined;
  }
}

const bound = (max: number | undefined) => (max === undefined ? {} : { max });

/** Sizes count bytes: four for each character. */
function stringType(schema: Structural): Type {
  switch (schema.format) {
    case 'byte':
      return { kind: 'bytes', ...bound(schema.maxLength) };
    case 'duration':
      return t.duration;
    case 'date':
    case 'date-time':
      return t.timestamp;
    default:
  }
  if (schema.enum) return text(Math.max(0, ...schema.enum.map((value) => String(value).length)));
  return { kind: 'string', ...bound(schema.maxLength === undefined ? undefined : schema.maxLength * 4) };
}

function objectType(schema: Structural, isResource: boolean, name: string): Type | undefined {
  const values = valuesOf(schema);
  if (isMap(schema)) {
    const value = values && declaredType(values, undefined, `${name}.@elem`);
    return value && { kind: 'map', key: t.string, value, ...bound(schema.maxProperties) };
  }
  if (isPreserving(schema) && !schema.properties && !isResource)
    return { kind: 'object', name, field: () => undefined };
  return { kind: 'object', name, field: fieldsOf(schema, isResource, name) };
}

/** Fields by their escaped names, made when they are first asked for. */
function fieldsOf(schema: Structural, isResource: boolean, name: string): (field: string) => Field | undefined {
  const members = new Map(
    Object.keys(schema.properties ?? {}).flatMap((member) => {
      const escaped = escapeName(member);
      return escaped ? [[escaped, member] as const] : [];
    }),
  );
  const made = new Map<string, Field | undefined>();
  const make = (field: string): Field | undefined => {
    if (isResource && Object.hasOwn(typeMeta, field)) return typeMeta[field];
    const member = members.get(field);
    const property = member === undefined ? undefined : schema.properties?.[member];
    const type = property && declaredType(property, undefined, `${name}.${field}`);
    return type && member !== undefined ? { type, member } : undefined;
  };
  return (field) => {
    if (!made.has(field)) made.set(field, make(field));
    return made.get(field);
  };
}
