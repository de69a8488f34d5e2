import { toJson } from '../../base/lossless-json.ts';
import type { ObjectMeta } from '../generated/types.ts';
import type { FieldModel } from '../meta/fields/model.ts';
import { isJsonObject, type JsonObject } from '../meta/json.ts';
import { badRequest, invalid } from '../meta/status-error.ts';
import type { ObjectType } from '../object-type.ts';
import { groupVersion, type KubeObject } from '../resource.ts';
import { DecodeError } from '../schema/decode-error.ts';
import { schema as builtIn } from '../schema/schema.ts';
import { checkCustomConfig } from './config-check.ts';
import { dropForeignNulls, hasDefaults, setDefaults } from './defaults.ts';
import { eachEmbedded } from './embedded.ts';
import { Pruning } from './prune.ts';
import { publishedType } from './publish.ts';
import { isEmbedded, type Structural, walkSchema } from './schema.ts';
import { resourceShape } from './shape.ts';

interface CustomGvk {
  group: string;
  version: string;
  kind: string;
}

const metaCodec = builtIn.codecFor('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/** The type of a custom resource in one version: everything from its schema. */
export function customType(schema: Structural, gvk: CustomGvk): ObjectType {
  const embeds = containsEmbedded(schema);
  const fills = hasDefaults(schema);
  return {
    decode(body) {
      const { object, metadata } = checkedBody(gvk, body);
      const prefix = prefixOf(gvk);
      const pruning = new Pruning(prefix);
      const meta = decodeMeta(prefix, metadata, 'metadata');
      const rest = pruning.root(schema, object);
      const unknown = [...meta.unknown, ...pruning.unknown.toSorted()];
      if (embeds)
        eachEmbedded(schema, rest, (inner, path) => {
          if (!isJsonObject(inner.metadata)) return;
          const own = decodeMeta(prefix, inner.metadata, `${path}.metadata`);
          inner.metadata = own.meta;
          unknown.push(...own.unknown);
        });
      const { kind: _kind, apiVersion: _version, metadata: _metadata, ...members } = rest;
      return { object: { ...typeOf(gvk), metadata: meta.meta, ...members } as KubeObject, unknown };
    },
    defaults(object) {
      if (fills) setDefaults(schema, object);
      dropForeignNulls({ ...schema, properties: withoutMeta(schema) }, object);
      return fills ? inOrder(object) : object;
    },
    fields: customFields(schema, gvk),
    mergeStrategically: undefined,
    published: publishedType(schema, gvk),
  };
}

const typeOf = (gvk: CustomGvk) => ({ kind: gvk.kind, apiVersion: groupVersion(gvk) });

const prefixOf = ({ kind, version }: CustomGvk): string =>
  `${kind} in version "${version}" cannot be handled as a ${kind}`;

function customFields(schema: Structural, gvk: CustomGvk): FieldModel {
  const shape = resourceShape(schema);
  return {
    shape,
    apiVersion: groupVersion(gvk),
    empty: () => ({}),
    check: (config) => checkCustomConfig(schema, shape, config),
  };
}

/** A custom resource says what it is: nothing is taken for granted. */
function checkedBody(gvk: CustomGvk, body: unknown): { object: JsonObject; metadata: JsonObject } {
  if (!isJsonObject(body)) throw badRequest(`the object provided is unrecognized (must be of type ${gvk.kind})`);
  const { kind, apiVersion, metadata } = body;
  if (!kind || typeof kind !== 'string')
    throw new DecodeError(prefixOf(gvk), `Object 'Kind' is missing in '${toJson(body)}'`);
  if (apiVersion !== groupVersion(gvk))
    throw badRequest(
      `the API version in the data (${String(apiVersion ?? '')}) does not match the expected API version (${groupVersion(gvk)})`,
    );
  const { name } = (isJsonObject(metadata) ? metadata : {}) as { name?: string };
  if (kind !== gvk.kind) {
    const message = `Invalid value: ${JSON.stringify(kind)}: must be ${gvk.kind}`;
    throw invalid({ group: gvk.group, kind }, name ?? '', [{ type: 'FieldValueInvalid', field: 'kind', message }]);
  }
  return { object: body, metadata: (metadata ?? {}) as JsonObject };
}

function decodeMeta(prefix: string, value: unknown, path: string): { meta: ObjectMeta; unknown: string[] } {
  try {
    const { object, unknown } = metaCodec.decode(value);
    return { meta: object as ObjectMeta, unknown: unknown.map((name) => `${path}.${name}`) };
  } catch (error) {
    if (error instanceof DecodeError) throw new DecodeError(prefix, error.detail);
    throw error;
  }
}

function containsEmbedded(schema: Structural): boolean {
  let found = false;
  walkSchema(schema, (part) => {
    found ||= isEmbedded(part);
  });
  return found;
}

/** What a schema says of the type and metadata of the resource itself does not make them nullable. */
const withoutMeta = ({ properties = {} }: Structural): Record<string, Structural> => {
  const { kind: _1, apiVersion: _2, metadata: _3, ...rest } = properties;
  return rest;
};

/** Members in the order of their names, after what every object has. Defaults come at the end. */
function inOrder(object: KubeObject): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object as KubeObject & JsonObject;
  return { kind, apiVersion, metadata, ...(sorted(rest) as object) } as KubeObject;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value);
  const out: [string, unknown][] = names.sort().map((name) => [name, sorted(value[name])]);
  return Object.fromEntries(out);
}
