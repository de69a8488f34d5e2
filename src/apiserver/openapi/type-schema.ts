import type { FieldSchema, SchemaTable, TypeSchema } from '../../api/schema/table.ts';
import type { Flavor, JsonSchema } from './flavor.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';

/** Scalars that the fields name directly. */
const scalars: Record<string, JsonSchema & { default?: unknown }> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int: { type: 'integer', format: 'int32' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  uint32: { type: 'integer', format: 'int64' },
  float: { type: 'number', format: 'float' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  any: {},
};

const zeroes: Record<string, unknown> = { string: '', boolean: false, integer: 0, number: 0 };

/** Types that are more than a struct: their name in the document and their schema, by what the fields call them. */
const specials: Record<string, { name: string; v2: JsonSchema; v3?: JsonSchema }> = {
  time: { name: `${meta}Time`, v2: { type: 'string', format: 'date-time' } },
  microtime: { name: `${meta}MicroTime`, v2: { type: 'string', format: 'date-time' } },
  duration: { name: `${meta}Duration`, v2: { type: 'string' } },
  fieldsv1: { name: `${meta}FieldsV1`, v2: { type: 'object' } },
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  intorstring: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    v2: { type: 'string', format: 'int-or-string' },
    v3: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
  },
  rawextension: { name: 'io.k8s.apimachinery.pkg.runtime.RawExtension', v2: { type: 'object' } },
  json: { name: `${extensions}JSON`, v2: {} },
  jsonschemaorbool: { name: `${extensions}JSONSchemaPropsOrBool`, v2: {} },
  jsonschemaorarray: { name: `${extensions}JSONSchemaPropsOrArray`, v2: {} },
  jsonschemaorstringarray: { name: `${extensions}JSONSchemaPropsOrStringArray`, v2: {} },
};

const specialByName = new Map(Object.values(specials).map((special) => [special.name, special]));

/** What every object's fields of these names mean. */
const commonFields: Record<string, string> = {
  apiVersion: 'APIVersion defines the group and version that the object is written in.',
  kind: 'Kind is the kind of the object, in CamelCase.',
  metadata: "Standard object's metadata: its name, its labels and the like.",
  spec: 'What is wanted of the object.',
  status: 'What is the case, as last observed. Written by the system.',
  items: 'The objects of the list.',
};

/** What the members of all metadata mean. */
const metadataFields: Record<string, string> = {
  annotations: 'Annotations are free texts by name, for programs and people. Nothing is selected by them.',
  creationTimestamp: 'CreationTimestamp is a timestamp: when the server made the object.',
  deletionGracePeriodSeconds:
    'How long the object may take to go, in seconds. Set by the server when its deletion is asked for.',
  deletionTimestamp:
    'DeletionTimestamp is a timestamp: when the object will be gone. Set by the server when its deletion is asked for.',
  finalizers: 'Finalizers must be taken off, each by who knows it, before the object can go.',
  generateName: 'GenerateName is what a name begins with that the server makes up, where no name is given.',
  generation: 'Generation counts the changes of what is wanted of the object.',
  labels: 'Labels are short texts by name, by which objects are selected.',
  managedFields: 'ManagedFields says who has set which fields, and when.',
  name: 'Name is unique among the objects of a kind in a namespace.',
  namespace: 'Namespace is where names are unique. Empty for objects of the whole cluster.',
  ownerReferences: 'OwnerReferences name the objects that this one goes with.',
  resourceVersion:
    'ResourceVersion is another one after every change. To be compared with others of its kind, not to be made up.',
  selfLink: 'SelfLink is not set any more.',
  uid: 'UID is never used again, also when the name is.',
};

/** What a field means that means the same wherever it stands; undefined for all others: the facts do not say. */
const meaningOf = (owner: string, field: string): string | undefined =>
  owner === `${meta}ObjectMeta` ? metadataFields[field] : commonFields[field];

const elementType = (type: string): string => type.replace(/^(\[\]|map\[string\])+/, '');

/** The document's name of a type that is written as a reference; undefined for scalars. */
export const referredType = (type: string): string | undefined => {
  const element = elementType(type);
  return specials[element]?.name ?? (scalars[element] ? undefined : element);
};

function item(flavor: Flavor, type: string): JsonSchema {
  const schema = valueSchema(flavor, type);
  if (flavor.version === 2 || type.startsWith('[]') || type.startsWith('map')) return schema;
  if (schema.$ref) return specials[type] ? schema : { default: {}, allOf: [schema] };
  return schema.type ? { ...schema, default: zeroes[schema.type as string] } : schema;
}

function valueSchema(flavor: Flavor, type: string): JsonSchema {
  if (type.startsWith('[]')) return { type: 'array', items: item(flavor, type.slice(2)) };
  if (type.startsWith('map[string]'))
    return { type: 'object', additionalProperties: item(flavor, type.slice('map[string]'.length)) };
  const name = referredType(type);
  return name ? flavor.ref(name) : { ...scalars[type] };
}

/** What strategic merge patch and server-side apply need to know of a field. */
function extensionsOf(field: FieldSchema): JsonSchema {
  return {
    ...(field.lk ? { 'x-kubernetes-list-map-keys': field.lk } : {}),
    ...(field.lt ? { 'x-kubernetes-list-type': field.lt } : {}),
    ...(field.mt || field.st ? { 'x-kubernetes-map-type': field.mt ?? field.st } : {}),
    ...(field.pk ? { 'x-kubernetes-patch-merge-key': field.pk } : {}),
    ...(field.ps ? { 'x-kubernetes-patch-strategy': field.ps } : {}),
  };
}

/** The default a reader may assume: declared, or the zero of a field that is always there. OpenAPI 2 has none. */
function defaultOf(flavor: Flavor, field: FieldSchema, schema: JsonSchema): JsonSchema {
  if (flavor.version === 2) return {};
  if (field.d !== undefined) return { default: field.d };
  if (schema.$ref) return field.ptr || specials[field.t] ? {} : { default: {} };
  const zero = zeroes[schema.type as string];
  return field.r && !field.ptr && zero !== undefined ? { default: zero } : {};
}

function property(
  flavor: Flavor,
  table: SchemaTable,
  { owner, field }: { owner: string; field: FieldSchema },
): JsonSchema {
  const description = meaningOf(owner, field.n);
  const schema = valueSchema(flavor, field.t);
  const named = field.a ? table[field.a]?.enum : undefined;
  const beside: JsonSchema = {
    ...(description ? { description } : {}),
    ...defaultOf(flavor, field, schema),
    ...(named && field.t === 'string' ? { enum: [...named].sort() } : {}),
    ...extensionsOf(field),
  };
  // OpenAPI 3 forgets what stands beside a bare reference.
  if (schema.$ref && flavor.version === 3 && Object.keys(beside).length > 0) return { ...beside, allOf: [schema] };
  return { ...beside, ...schema };
}

/** The fields of a struct with those of embedded structs in their place. */
export function allFields(table: SchemaTable, type: TypeSchema): FieldSchema[] {
  return (type.f ?? []).flatMap((field) => {
    const embedded = field.i ? table[field.t] : undefined;
    return embedded ? allFields(table, embedded) : [field];
  });
}

/** The schema of a type of the table, or of a special one; undefined for an unknown name. */
export function typeSchema(flavor: Flavor, table: SchemaTable, name: string): JsonSchema | undefined {
  const special = specialByName.get(name);
  if (special) return flavor.version === 3 ? (special.v3 ?? special.v2) : special.v2;
  const type = table[name];
  if (!type) return undefined;
  if (type.k !== 'struct') return valueSchema(flavor, type.k);
  const fields = allFields(table, type);
  const required = fields.filter((f) => f.r).map((f) => f.n);
  return {
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    ...(fields.length > 0
      ? {
          properties: Object.fromEntries(
            fields.map((field) => [field.n, property(flavor, table, { owner: name, field })]),
          ),
        }
      : {}),
    ...(type.st === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

/** Names of the types that a type refers to. */
export const referencesOf = (table: SchemaTable, name: string): string[] => {
  const type = table[name];
  if (!type) return [];
  if (type.k !== 'struct') return [referredType(type.k)].filter((n) => n !== undefined);
  return allFields(table, type).flatMap((f) => referredType(f.t) ?? []);
};
