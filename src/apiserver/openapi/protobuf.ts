import { toJson } from '../../base/lossless-json.ts';
import type { JsonSchema } from './flavor.ts';

/**
 * OpenAPI 2 as protobuf: what clients written in Go ask `/openapi/v2` for. The messages are those of gnostic's OpenAPIv2.proto
 * (package openapi.v2), the numbers below are its field numbers. Messages that occur twice are merged by whoever reads them, so
 * each path and each schema is written as a document of its own.
 */
export const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** The same type as clients ask for it. */
export const protobufAccept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

const document = { swagger: 1, info: 2, paths: 8, definitions: 9 };

export const headOf = (info: { title: string; version: string }): Buffer =>
  Buffer.concat([text(document.swagger, '2.0'), message(document.info, text(1, info.title), text(2, info.version))]);

export const pathDocument = (path: string, item: JsonSchema): Buffer =>
  message(document.paths, named(2, path, pathItem(item)));

export const schemaDocument = (name: string, schema: JsonSchema): Buffer =>
  message(document.definitions, named(1, name, schemaFields(schema)));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** A length-delimited field. */
function message(field: number, ...parts: Buffer[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(size), ...parts]);
}

const none = Buffer.alloc(0);
const text = (field: number, value: unknown): Buffer =>
  typeof value === 'string' ? message(field, Buffer.from(value)) : none;
const texts = (field: number, values: unknown): Buffer =>
  Buffer.concat(((values as string[] | undefined) ?? []).map((value) => text(field, value)));
const flag = (field: number, value: unknown): Buffer =>
  value === true ? Buffer.concat([varint(field * 8), varint(1)]) : none;

/** NamedSchema, NamedPathItem, …: an entry of a map. */
const named = (field: number, name: string, ...value: Buffer[]): Buffer =>
  message(field, text(1, name), message(2, ...value));

/** Any: the value as YAML, which JSON is. */
const any = (field: number, value: unknown): Buffer => message(field, text(2, toJson(value)));

const extensions = (field: number, object: JsonSchema): Buffer =>
  Buffer.concat(
    Object.entries(object).flatMap(([name, value]) =>
      name.startsWith('x-') ? message(field, text(1, name), any(2, value)) : [],
    ),
  );

function schemaFields(schema: JsonSchema): Buffer {
  const { items, additionalProperties, properties } = schema as Record<string, JsonSchema | undefined>;
  const { type } = schema;
  const members = Object.entries((properties ?? {}) as Record<string, JsonSchema>);
  return Buffer.concat([
    text(1, schema.$ref),
    text(2, schema.format),
    text(4, schema.description),
    schema.default === undefined ? none : any(5, schema.default),
    texts(19, schema.required),
    ...((schema.enum as unknown[] | undefined) ?? []).map((value) => any(20, value)),
    additionalProperties ? message(21, message(1, schemaFields(additionalProperties))) : none,
    typeof type === 'string' ? message(22, text(1, type)) : none,
    items ? message(23, message(1, schemaFields(items))) : none,
    members.length > 0 ? message(25, ...members.map(([name, member]) => named(1, name, schemaFields(member)))) : none,
    extensions(31, schema),
  ]);
}

const operationFields = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

const pathItem = (item: JsonSchema): Buffer =>
  Buffer.concat([
    ...Object.entries(operationFields).map(([method, field]) =>
      item[method] ? message(field, operation(item[method] as JsonSchema)) : none,
    ),
    parameters(9, item.parameters),
  ]);

const operation = (of: JsonSchema): Buffer =>
  Buffer.concat([
    texts(1, of.tags),
    text(3, of.description),
    text(5, of.operationId),
    texts(6, of.produces),
    texts(7, of.consumes),
    parameters(8, of.parameters),
    message(
      9,
      ...Object.entries((of.responses ?? {}) as Record<string, JsonSchema>).map(([code, response]) =>
        named(1, code, message(1, text(1, response.description), responseSchema(response.schema))),
      ),
    ),
    extensions(13, of),
  ]);

const responseSchema = (schema: unknown): Buffer =>
  schema ? message(2, message(1, schemaFields(schema as JsonSchema))) : none;

/** ParametersItem, each in the message of the place it is in. */
const parameters = (field: number, list: unknown): Buffer =>
  Buffer.concat(((list as JsonSchema[] | undefined) ?? []).map((one) => message(field, message(1, parameter(one)))));

function parameter(of: JsonSchema): Buffer {
  if (of.in === 'body') {
    const schema = message(5, schemaFields((of.schema ?? {}) as JsonSchema));
    return message(1, text(2, of.name), text(3, of.in), flag(4, of.required), schema);
  }
  const common = [flag(1, of.required), text(2, of.in), text(3, of.description), text(4, of.name)];
  return of.in === 'path'
    ? message(2, message(4, ...common, text(5, of.type), flag(19, of.uniqueItems)))
    : message(2, message(3, ...common, text(6, of.type), flag(20, of.uniqueItems)));
}
