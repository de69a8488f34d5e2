import type { CustomResourceDefinitionSpec, CustomResourceValidation } from '../generated/types.ts';
import { validateSchemaRules } from '../cel/validate-rules.ts';
import { forbidden, invalidValue } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { goName } from '../schema/go-form.ts';
import type { Structural } from '../structural/schema.ts';
import { validateDefaults } from './default-rules.ts';
import type { Located } from './locations.ts';
import { validateOpenApi } from './openapi-rules.ts';
import { validateStructural } from './structural-rules.ts';

/** The rules of the schema of a definition: first as OpenAPI, then as a structural schema, then its defaults. */
export function validateSchemaOf(spec: CustomResourceDefinitionSpec, { value, path }: Located<'schema'>): FieldError[] {
  const schema = (value as CustomResourceValidation).openAPIV3Schema;
  if (!schema) return [];
  const at = `${path}.openAPIV3Schema`;
  const errors = [...validateRoot(spec, schema, at), ...validateOpenApi(schema, at)];
  errors.push(...validateStructural(schema, at));
  return errors.length > 0 ? errors : [...validateDefaults(schema, at), ...validateSchemaRules(schema, at)];
}

/** What the root may say besides its properties when the status has a schema of its own. */
const atRoot = new Set<string>([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

function validateRoot(spec: CustomResourceDefinitionSpec, schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.versions.some((version) => version.subresources?.status)) {
    const suffix = 'if the status subresource is enabled';
    if (schema.type && schema.type !== 'object')
      errors.push(
        invalidValue(
          `${path}.type`,
          schema.type,
          `only "object" is allowed as the type at the root of the schema ${suffix}`,
        ),
      );
    const others = Object.keys(schema).filter((name) => !atRoot.has(name) && schema[name as keyof Structural]);
    if (others.length > 0) {
      const allowed = [...atRoot].map(goName).join(' ');
      errors.push(
        invalidValue(path, schema, `only [${allowed}] fields are allowed at the root of the schema ${suffix}`),
      );
    }
  }
  if (schema.nullable) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  return errors;
}
