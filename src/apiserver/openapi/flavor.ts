/** A JSON schema, as far as OpenAPI has it. */
export type JsonSchema = { [key: string]: unknown };

/** A query, path or header parameter, before it is written in one flavor. */
export interface ParameterFact {
  name: string;
  in: 'query' | 'path';
  type: 'string' | 'integer' | 'boolean';
  description: string;
}

/** What differs between OpenAPI 2 (Swagger) and 3. */
export interface Flavor {
  readonly version: 2 | 3;
  /** Reference to the schema of a type. */
  ref(type: string): JsonSchema;
  parameter(fact: ParameterFact): JsonSchema;
  /** The parts of an operation that say what is sent. */
  body(schema: JsonSchema, mediaTypes: readonly string[]): { parameters: JsonSchema[]; operation: JsonSchema };
  /** One response. */
  response(description: string, schema: JsonSchema | undefined, mediaTypes: readonly string[]): JsonSchema;
}

const content = (schema: JsonSchema, mediaTypes: readonly string[]): JsonSchema =>
  Object.fromEntries(mediaTypes.map((type) => [type, { schema }]));

export const openapi3: Flavor = {
  version: 3,
  ref: (type) => ({ $ref: `#/components/schemas/${type}` }),
  parameter: ({ name, in: where, type, description }) => ({
    name,
    in: where,
    description,
    ...(where === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  }),
  body: (schema, mediaTypes) => ({
    parameters: [],
    operation: { requestBody: { content: content(schema, mediaTypes), required: true } },
  }),
  response: (description, schema, mediaTypes) => ({
    description,
    ...(schema ? { content: content(schema, mediaTypes) } : {}),
  }),
};

export const openapi2: Flavor = {
  version: 2,
  ref: (type) => ({ $ref: `#/definitions/${type}` }),
  parameter: ({ name, in: where, type, description }) => ({
    name,
    in: where,
    description,
    ...(where === 'path' ? { required: true } : {}),
    type,
    uniqueItems: true,
  }),
  body: (schema, mediaTypes) => ({
    parameters: [{ name: 'body', in: 'body', required: true, schema }],
    operation: { consumes: mediaTypes },
  }),
  response: (description, schema) => ({ description, ...(schema ? { schema } : {}) }),
};
