import { forbidden, invalidValue, required } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { isEmbedded, isIntOrString, isPreserving, itemsOf, type Structural, valuesOf } from '../structural/schema.ts';
import { validateNested } from './nested-rules.ts';

type Level = 'root' | 'field' | 'item';

const typeWanted: Record<Level, string> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
};

/**
 * What makes a schema structural: it says the type of every field outside of alternatives, and alternatives only narrow
 * what is said outside of them (CRD documentation, "Specifying a structural schema").
 */
export const validateStructural = (schema: Structural, path: string): FieldError[] => invariants(schema, 'root', path);

function invariants(schema: Structural, level: Level, path: string): FieldError[] {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  return [
    ...(items ? invariants(items, 'item', `${path}.items`) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      invariants(property, 'field', `${path}.properties[${name}]`),
    ),
    ...(values ? invariants(values, 'field', `${path}.additionalProperties`) : []),
    ...(level === 'root' && schema.additionalProperties !== undefined
      ? [forbidden(`${path}.additionalProperties`, 'must not be used at the root')]
      : []),
    ...extensions(schema, path),
    ...validateNested(schema, path),
    ...typeRules(schema, level, path),
    ...metadataRules(schema, level, path),
  ];
}

function extensions(schema: Structural, path: string): FieldError[] {
  if (!isIntOrString(schema)) return [];
  const must = 'must be false if x-kubernetes-int-or-string is true';
  return [
    ...(isPreserving(schema) ? [invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, true, must)] : []),
    ...(isEmbedded(schema) ? [invalidValue(`${path}.x-kubernetes-embedded-resource`, true, must)] : []),
    ...(schema.type
      ? [invalidValue(`${path}.type`, schema.type, 'must be empty if x-kubernetes-int-or-string is true')]
      : []),
  ];
}

function typeRules(schema: Structural, level: Level, path: string): FieldError[] {
  const at = `${path}.type`;
  const { type = '' } = schema;
  if (isEmbedded(schema) && type !== 'object') {
    const must = 'must be object if x-kubernetes-embedded-resource is true';
    return [type ? invalidValue(at, type, must) : required(at, must)];
  }
  if (!type && !isIntOrString(schema) && !isPreserving(schema)) return [required(at, typeWanted[level])];
  if (level === 'root' && type && type !== 'object') return [invalidValue(at, type, 'must be object at the root')];
  return [];
}

/** A schema says nothing of metadata but names; apiVersion and kind are texts. */
function metadataRules(schema: Structural, level: Level, path: string): FieldError[] {
  const isResource = level === 'root' || isEmbedded(schema);
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const errors: FieldError[] = [];
  if (isResource) {
    for (const [name, property] of Object.entries({ kind, apiVersion }))
      if (property && property.type !== 'string')
        errors.push(invalidValue(`${path}.properties[${name}].type`, property.type ?? '', 'must be string'));
  }
  if (metadata && isResource) {
    const at = `${path}.properties[metadata]`;
    if (metadata.type !== 'object') errors.push(invalidValue(`${at}.type`, metadata.type ?? '', 'must be object'));
    if (level === 'root' && !saysOnlyNames(metadata))
      errors.push(
        forbidden(
          at,
          'must not specify anything other than name and generateName, but metadata is implicitly specified',
        ),
      );
  }
  const needsProperties = isEmbedded(schema) && !isPreserving(schema) && !Object.keys(schema.properties ?? {}).length;
  if (needsProperties)
    errors.push(
      required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  return errors;
}

function saysOnlyNames(metadata: Structural): boolean {
  const { properties = {} } = metadata;
  return (
    Object.keys(metadata).every((word) => ['type', 'description', 'properties'].includes(word)) &&
    Object.keys(properties).every((name) => name === 'name' || name === 'generateName')
  );
}
