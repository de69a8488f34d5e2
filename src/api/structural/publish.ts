import type { PublishedType } from '../object-type.ts';
import { isPreserving, itemsOf, type Structural, valuesOf } from './schema.ts';

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

const standard = {
  apiVersion: {
    description: 'APIVersion defines the group and version that the object is written in.',
    type: 'string',
  },
  kind: { description: 'Kind is the kind of the object, in CamelCase.', type: 'string' },
};

/** How OpenAPI shows a custom resource: its schema with what every object has. */
export function publishedType(
  schema: Structural,
  gvk: { group: string; version: string; kind: string },
): PublishedType {
  const of = (shown: Structural, ref: string): object => {
    const { properties = {}, ...rest } = shown;
    const metadata = {
      description: "Standard object's metadata: its name, its labels and the like.",
      ...own(properties.metadata),
      ...reference(ref),
    };
    return {
      ...rest,
      ...(Object.keys(rest).length > 0 || schema.type ? { type: 'object' } : {}),
      properties: { ...properties, ...standard, metadata },
      'x-kubernetes-group-version-kind': [gvk],
    };
  };
  const reference = (ref: string): object =>
    ref.startsWith('#/components') ? { allOf: [{ $ref: ref }] } : { $ref: ref };
  return {
    v3: of(schema, `#/components/schemas/${objectMeta}`),
    v2: isPreserving(schema)
      ? // Readers of OpenAPI 2 take a list of members for all there are.
        { ...simplified(schema), 'x-kubernetes-group-version-kind': [gvk] }
      : of(simplified(schema), `#/definitions/${objectMeta}`),
    refersTo: [objectMeta],
  };
}

/** Only a description survives of what a schema says of metadata. */
const own = (metadata: Structural | undefined): object =>
  metadata?.description ? { description: metadata.description } : {};

/**
 * What OpenAPI 2 cannot say is left out, so that its readers (old kubectl) take what they do not understand: alternatives,
 * defaults, nullable values, members and elements of values in free form.
 */
function simplified(schema: Structural): Structural {
  const { oneOf: _1, anyOf: _2, allOf: _3, not: _4, default: _5, nullable, ...rest } = schema;
  if (nullable) return without(rest, ['type', 'items', 'properties', 'additionalProperties']);
  if (isPreserving(schema)) return without(rest, ['items', 'properties', 'additionalProperties']);
  if (rest['x-kubernetes-int-or-string']) return without(rest, ['type']);
  const items = itemsOf(rest);
  const values = valuesOf(rest);
  return {
    ...rest,
    ...(items ? { items: simplified(items) } : {}),
    ...(values ? { additionalProperties: simplified(values) } : {}),
    ...(rest.properties
      ? {
          properties: Object.fromEntries(
            Object.entries(rest.properties).map(([name, property]) => [name, simplified(property)]),
          ),
        }
      : {}),
  };
}

const without = (schema: Structural, members: (keyof Structural)[]): Structural =>
  Object.fromEntries(Object.entries(schema).filter(([name]) => !members.includes(name as keyof Structural)));
