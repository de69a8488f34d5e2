import type { CustomResourceDefinitionSpec, SelectableField } from '../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import type { Structural } from '../structural/schema.ts';
import { pathSteps } from '../structural/scale.ts';
import type { Located } from './locations.ts';

const maxFields = 8;
const selectable = new Set(['string', 'boolean', 'integer']);

/** Fields that selectors may ask for: simple paths to scalars of the schema (KEP-4358). */
export function validateSelectableFields(
  spec: CustomResourceDefinitionSpec,
  { value: fields, path }: Located<'selectableFields'>,
): FieldError[] {
  if (fields.length > maxFields) return [tooMany(path, fields.length, maxFields)];
  const index = /versions\[(\d+)\]/.exec(path)?.[1] ?? 0;
  const schema = spec.versions[Number(index)]?.schema?.openAPIV3Schema;
  const seen = new Set<string>();
  return fields.flatMap((field, i) => {
    const again = seen.has(field.jsonPath);
    seen.add(field.jsonPath);
    const at = `${path}[${i}].jsonPath`;
    return again ? [duplicate(at, field.jsonPath)] : validateField(field, schema, at);
  });
}

function validateField({ jsonPath }: SelectableField, schema: Structural | undefined, at: string): FieldError[] {
  if (!jsonPath) return [required(at)];
  if (!/^(\.[A-Za-z_][A-Za-z0-9_-]*)+$/.test(jsonPath))
    return [invalidValue(at, jsonPath, 'is an invalid path: does not refer to a valid field')];
  const steps = pathSteps(jsonPath);
  if (steps[0] === 'metadata') return [invalidValue(at, jsonPath, 'must not point to fields in metadata')];
  let part = schema;
  for (const step of steps) part = part?.properties?.[step];
  if (!part) return [invalidValue(at, jsonPath, 'is an invalid path: does not refer to a valid field')];
  if (selectable.has(part.type ?? '')) return [];
  return [
    invalidValue(
      at,
      jsonPath,
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
    ),
  ];
}
