import type { ObjectMeta } from '../generated/types.ts';
import { child, required } from '../meta/field-error.ts';
import { isJsonObject, type JsonObject } from '../meta/json.ts';
import { validateEmbeddedMeta } from '../meta/object-meta.ts';
import type { FieldError } from '../meta/status-error.ts';
import { isEmbedded, itemsOf, memberSchema, type Structural } from './schema.ts';

/** Visits the resources that are embedded in a value, with their paths. */
export function eachEmbedded(
  schema: Structural | undefined,
  value: unknown,
  visit: (object: JsonObject, path: string) => void,
  path = '',
): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) value.forEach((item, i) => eachEmbedded(items, item, visit, `${path}[${i}]`));
  } else if (isJsonObject(value)) {
    if (isEmbedded(schema)) visit(value, path);
    for (const name of Object.keys(value))
      eachEmbedded(memberSchema(schema, name), value[name], visit, path ? `${path}.${name}` : name);
  }
}

/** Embedded resources have a type and well-formed metadata. */
export function validateEmbedded(schema: Structural, value: unknown): FieldError[] {
  const errors: FieldError[] = [];
  eachEmbedded(schema, value, (object, path) => {
    for (const name of ['apiVersion', 'kind'])
      if (typeof object[name] !== 'string' || object[name] === '')
        errors.push(required(child(path, name), 'must not be empty'));
    if (isJsonObject(object.metadata))
      errors.push(...validateEmbeddedMeta(object.metadata as Partial<ObjectMeta>, child(path, 'metadata')));
  });
  return errors;
}
