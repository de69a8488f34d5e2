import { forbidden, invalidValue } from '../meta/field-error.ts';
import { isJsonObject } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import { validateEmbedded } from '../structural/embedded.ts';
import { Pruning } from '../structural/prune.ts';
import { isEmbedded, itemsOf, resourceMembers, type Structural, valuesOf } from '../structural/schema.ts';
import { compileValidation } from '../structural/validate.ts';
import { noPath } from '../structural/verdict.ts';

/** Defaults fit the schema that they stand in, and none is in metadata. */
export const validateDefaults = (schema: Structural, path: string): FieldError[] =>
  walk(schema, path, { isResource: true, inMeta: false });

function walk(schema: Structural, path: string, at: { isResource: boolean; inMeta: boolean }): FieldError[] {
  const errors = schema.default === undefined ? [] : defaultErrors(schema, `${path}.default`, at.inMeta);
  const below = (part: Structural, where: string, inMeta: boolean) =>
    walk(part, where, { isResource: isEmbedded(part), inMeta });
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    errors.push(
      ...below(property, `${path}.properties[${name}]`, at.inMeta || (at.isResource && resourceMembers.has(name))),
    );
  const items = itemsOf(schema);
  if (items) errors.push(...below(items, `${path}.items`, at.inMeta));
  const values = valuesOf(schema);
  if (values) errors.push(...below(values, `${path}.additionalProperties`, at.inMeta));
  return errors;
}

function defaultErrors(schema: Structural, path: string, inMeta: boolean): FieldError[] {
  const value = schema.default;
  if (inMeta) return [forbidden(path, 'must not be set in top-level metadata')];
  if (value === null && schema.nullable) return [];
  if (isJsonObject(value) || Array.isArray(value)) {
    const pruning = new Pruning('');
    pruning.root({ properties: { value: schema } }, { value });
    if (pruning.unknown.length > 0) return [invalidValue(path, value, 'must not have unknown fields')];
  }
  // A resource in it is looked at first, and then nothing else.
  const embedded = validateEmbedded(schema, value);
  const errors = embedded.length > 0 ? embedded : compileValidation(schema)(value);
  return errors.map((error) => ({
    ...error,
    field: error.field === noPath ? path : `${path}.${error.field}`.replace('.[', '['),
  }));
}
