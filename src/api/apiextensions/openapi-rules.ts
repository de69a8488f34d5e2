import { compilePattern, PatternError } from '../../base/pattern.ts';
import { forbidden, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { isSchema, itemsOf, type Structural } from '../structural/schema.ts';
import { validateListType } from './list-type-rules.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Parts of OpenAPI that are not spoken, with the names by which errors call them. */
const unsupported: (keyof Structural)[] = [
  'id',
  'additionalItems',
  'patternProperties',
  'definitions',
  'dependencies',
  '$ref',
];

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(isSchema(value) && Object.keys(value).length === 0);

/** What a schema may say at all, at every depth. */
export function validateOpenApi(schema: Structural, path: string): FieldError[] {
  return [...validateWords(schema, path), ...validateMembers(schema, path), ...validateBelow(schema, path)];
}

function validateWords(schema: Structural, path: string): FieldError[] {
  const errors = unsupported
    .filter((name) => isSaid(schema[name]))
    .map((name) => forbidden(`${path}.${name}`, `${name} is not supported`));
  const { type, items } = schema;
  if (type === 'null')
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  else if (type && !types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  if (Array.isArray(items) && items.length > 0)
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (type === 'array' && !itemsOf(schema)) errors.push(required(`${path}.items`, 'must be specified'));
  if (schema.uniqueItems)
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (schema.pattern !== undefined) errors.push(...validatePattern(schema.pattern, `${path}.pattern`));
  return errors;
}

function validatePattern(pattern: string, path: string): FieldError[] {
  try {
    compilePattern(pattern);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return [invalidValue(path, pattern, `must be a valid regular expression, but isn't: ${error.message}`)];
  }
}

function validateMembers(schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { additionalProperties, properties } = schema;
  const isStruct = properties !== undefined && Object.keys(properties).length > 0;
  if (isStruct && additionalProperties !== undefined && additionalProperties !== true)
    errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    errors.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  errors.push(...validateMapType(schema, path), ...validateListType(schema, path));
  return errors;
}

function validateMapType(schema: Structural, path: string): FieldError[] {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return [];
  const errors: FieldError[] = [];
  const must = 'must be object if x-kubernetes-map-type is specified';
  if (!schema.type) errors.push(required(`${path}.type`, must));
  else if (schema.type !== 'object') errors.push(invalidValue(`${path}.type`, schema.type, must));
  if (mapType !== 'atomic' && mapType !== 'granular')
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  return errors;
}

function validateBelow(schema: Structural, path: string): FieldError[] {
  const items = itemsOf(schema);
  const values = schema.additionalProperties;
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      validateOpenApi(property, `${path}.properties[${name}]`),
    ),
    ...(isSchema(values) ? validateOpenApi(values, `${path}.additionalProperties`) : []),
    ...(schema.not ? validateOpenApi(schema.not, `${path}.not`) : []),
    ...(['allOf', 'oneOf', 'anyOf'] as const).flatMap((name) =>
      (schema[name] ?? []).flatMap((part, i) => validateOpenApi(part, `${path}.${name}[${i}]`)),
    ),
    ...(items ? validateOpenApi(items, `${path}.items`) : []),
  ];
}
