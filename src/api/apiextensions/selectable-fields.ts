import type { CustomResourceDefinitionSpec, SelectableField } from '../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { itemsOf, type Structural, valuesOf } from '../structural/schema.ts';
import { pathSteps } from '../structural/scale.ts';
import { type Located, locate } from './locations.ts';

const maxFields = 8;
const selectable = new Set(['string', 'boolean', 'integer']);

/** Fields that selectors may ask for: simple paths to scalars of the schema (KEP-4358). */
export function validateSelectableFields(
  spec: CustomResourceDefinitionSpec,
  { value: fields, path }: Located<'selectableFields'>,
): FieldError[] {
  if (fields.length === 0) return [];
  const { schema, without } = schemaFor(spec, path);
  if (!schema) return [invalidValue(path, '', `selectableFields may only be set when ${without}`)];
  const wrong = notStructural(schema);
  if (wrong) {
    const at = `${path.replace('.selectableFields', '')}.schema.openAPIV3Schema`;
    const empty = fields.flatMap(({ jsonPath }, i) => (jsonPath ? [] : [required(`${path}[${i}].jsonPath`)]));
    return [invalidValue(at, '', `OpenAPIV3Schema '${wrong}' is not supported`), ...empty];
  }
  if (fields.length > maxFields) return [tooMany(path, fields.length, maxFields)];
  const seen = new Set<string>();
  return fields.flatMap((field, i) => {
    const again = seen.has(field.jsonPath);
    seen.add(field.jsonPath);
    const at = `${path}[${i}].jsonPath`;
    return again ? [duplicate(at, field.jsonPath)] : validateField(field, schema, at);
  });
}

/** The schema that fields are in: of the version or, where they are those of all versions, the one that all have. */
function schemaFor(spec: CustomResourceDefinitionSpec, path: string): { schema?: Structural; without: string } {
  const index = /versions\[(\d+)\]/.exec(path)?.[1];
  const place = index === undefined ? 'spec.validation' : `spec.versions[${index}].schema`;
  const part = locate(spec, 'schema').find((located) => located.path === place);
  const schema = part?.value.openAPIV3Schema;
  const without =
    index === undefined ? 'validations.schema is included' : 'version.schema.openAPIV3Schema is not included';
  return { ...(schema ? { schema } : {}), without };
}

const unsupported: (keyof Structural)[] = [
  'id',
  '$ref',
  'patternProperties',
  'dependencies',
  'additionalItems',
  'definitions',
];

/** What a schema or one below it says that fields cannot be looked for in. */
function notStructural(schema: Structural): string | undefined {
  const parts = [itemsOf(schema), valuesOf(schema), ...Object.values(schema.properties ?? {})];
  return (
    unsupported.find((name) => schema[name]) ??
    parts.flatMap((part) => (part && notStructural(part)) ?? []).find(Boolean)
  );
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
