import { cloneJson, isJsonObject, type JsonObject, ownMember, setMember } from '../meta/json.ts';
import { isMap, itemsOf, memberSchema, type Structural, valuesOf } from './schema.ts';

/** Null where null is no value of the schema: as if it were not there. */
const isForeignNull = (value: unknown, schema: Structural | undefined): boolean =>
  value === null && schema !== undefined && schema.nullable !== true;

/** Whether there is a default anywhere in a schema. */
export function hasDefaults(schema: Structural | undefined): boolean {
  if (!schema) return false;
  if (schema.default !== undefined) return true;
  for (const property of Object.values(schema.properties ?? {})) if (hasDefaults(property)) return true;
  return hasDefaults(itemsOf(schema)) || hasDefaults(valuesOf(schema));
}

/** Fills in what is missing, at every depth that exists. Changes the value. */
export function setDefaults(schema: Structural | undefined, value: unknown): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return;
    for (let i = 0; i < value.length; i++) {
      if (isForeignNull(value[i], items) && items.default !== undefined) value[i] = cloneJson(items.default);
      setDefaults(items, value[i]);
    }
  } else if (isJsonObject(value)) setMemberDefaults(schema, value);
}

function setMemberDefaults(schema: Structural, object: JsonObject): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const present = ownMember(object, name);
    if (present === undefined || isForeignNull(present, property)) setMember(object, name, cloneJson(property.default));
  }
  for (const name of Object.keys(object)) {
    const member = memberSchema(schema, name);
    if (member?.default !== undefined && isForeignNull(object[name], member))
      setMember(object, name, cloneJson(member.default));
    setDefaults(member, object[name]);
  }
}

/** Takes out nulls that are no values of their schema and for which there is no default. Changes the value. */
export function dropForeignNulls(schema: Structural | undefined, value: unknown): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (const item of value) dropForeignNulls(items, item);
  } else if (isJsonObject(value)) {
    for (const name of Object.keys(value)) {
      const known = schema.properties && Object.hasOwn(schema.properties, name);
      if (!known && !isMap(schema)) continue;
      const member = memberSchema(schema, name);
      if (isForeignNull(value[name], member)) delete value[name];
      else dropForeignNulls(member, value[name]);
    }
  }
}
