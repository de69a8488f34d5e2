import type { JSONSchemaProps } from '../generated/types.ts';

/** The schema of a part of a custom resource: OpenAPI v3 as CustomResourceDefinitions have it. */
export type Structural = JSONSchemaProps;

/** The schema of a list's elements. */
export const itemsOf = (schema: Structural | undefined): Structural | undefined =>
  isSchema(schema?.items) ? schema.items : undefined;

/** The schema of a map's values; undefined also where any value is allowed. */
export const valuesOf = (schema: Structural | undefined): Structural | undefined =>
  isSchema(schema?.additionalProperties) ? schema.additionalProperties : undefined;

/** Whether members that are not among the properties are the values of a map. */
export const isMap = (schema: Structural): boolean =>
  schema.additionalProperties !== undefined && schema.additionalProperties !== false;

export const isSchema = (value: unknown): value is Structural =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A property of its own, or the schema of a map's values. */
export const memberSchema = (schema: Structural | undefined, name: string): Structural | undefined => {
  const { properties } = schema ?? {};
  return properties && Object.hasOwn(properties, name) ? properties[name] : valuesOf(schema);
};

export const isPreserving = (schema: Structural | undefined): boolean =>
  schema?.['x-kubernetes-preserve-unknown-fields'] === true;

export const isEmbedded = (schema: Structural | undefined): boolean =>
  schema?.['x-kubernetes-embedded-resource'] === true;

export const isIntOrString = (schema: Structural): boolean => schema['x-kubernetes-int-or-string'] === true;

/** What every object has, whatever its schema says. */
export const resourceMembers: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Visits a structural schema and everything below it, with the path of each part. */
export function walkSchema(schema: Structural, visit: (schema: Structural, path: string) => void, path = ''): void {
  visit(schema, path);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    walkSchema(property, visit, `${path}.properties[${name}]`);
  const items = itemsOf(schema);
  if (items) walkSchema(items, visit, `${path}.items`);
  const values = valuesOf(schema);
  if (values) walkSchema(values, visit, `${path}.additionalProperties`);
}
