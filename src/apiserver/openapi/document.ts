import { toJson } from '../../base/lossless-json.ts';
import { gitVersion } from '../discovery/version.ts';
import type { GroupVersions, Kind } from '../../api/kind.ts';
import type { PublishedType } from '../../api/object-type.ts';
import type { SchemaTable } from '../../api/schema/table.ts';
import type { Flavor, JsonSchema } from './flavor.ts';
import type { AddedOpenApi } from '../aggregation/remote-documents.ts';
import { headOf, pathDocument, schemaDocument } from './protobuf.ts';
import { type PathContext, listTypeOf, pathsOf } from './paths.ts';
import { referencesOf, typeSchema } from './type-schema.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** Kinds that every group version has. */
const everywhere = ['DeleteOptions', 'WatchEvent'];

/** What documents are made from. */
export interface ApiModel {
  table: SchemaTable;
  groups: readonly GroupVersions[];
  /** Types that the table does not have. */
  custom: ReadonlyMap<string, PublishedType>;
  /** Built once per model: `group/version/kind` to type. */
  types: ReadonlyMap<string, string>;
  /** What other servers' documents add to the one of everything. */
  added?: readonly AddedOpenApi[];
}

export const modelOf = (
  table: SchemaTable,
  groups: readonly GroupVersions[],
  custom: ReadonlyMap<string, PublishedType>,
): ApiModel => ({
  table,
  groups,
  custom,
  types: new Map(Object.entries(table).flatMap(([name, type]) => (type.gvk ? [[type.gvk.join('/'), name]] : []))),
});

const gvkEntry = (group: string, kind: string, version: string): JsonSchema => ({ group, kind, version });

/** `x-kubernetes-group-version-kind` of a type; undefined for parts of objects. */
function gvks({ table, groups }: ApiModel, name: string): JsonSchema[] | undefined {
  const kind = name.startsWith(metaPrefix) ? name.slice(metaPrefix.length) : '';
  if (everywhere.includes(kind))
    return groups.flatMap(({ group, versions }) => versions.map((version) => gvkEntry(group, kind, version)));
  if (kind === 'Status') return [gvkEntry('', kind, 'v1')];
  const gvk = table[name]?.gvk;
  return gvk && [gvkEntry(gvk[0], gvk[2], gvk[1])];
}

/** A list kind: all of them look alike, so the tables have none. */
function listSchema(flavor: Flavor, { group, version, kind, type, listKind }: Kind): JsonSchema {
  const text = { type: 'string' };
  const items = flavor.version === 3 ? { default: {}, allOf: [flavor.ref(type)] } : flavor.ref(type);
  return {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: text,
      items: { type: 'array', items },
      kind: text,
      metadata: flavor.ref(`${metaPrefix}ListMeta`),
    },
    'x-kubernetes-group-version-kind': [gvkEntry(group, listKind ?? `${kind}List`, version)],
  };
}

const isStored = (kind: Kind): boolean => kind.verbs.includes('list');

/** The names of all types that the kinds' operations refer to, directly or not. */
function neededTypes({ table, types, custom }: ApiModel, kinds: readonly Kind[]): Set<string> {
  const needed = new Set<string>();
  const open = ['DeleteOptions', 'Status', 'ListMeta'].map((name) => metaPrefix + name);
  for (const kind of kinds) {
    open.push(kind.type);
    for (const { group = kind.group, version = kind.version, kind: name } of kind.subresources ?? []) {
      const type = types.get(`${group}/${version}/${name}`);
      if (type) open.push(type);
    }
  }
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    open.push(...(custom.get(name)?.refersTo ?? referencesOf(table, name)));
  }
  return needed;
}

type Entry = [name: string, value: JsonSchema];

/** Schemas, in order of their names. */
export function* schemaEntries(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<Entry> {
  const lists = new Map(kinds.filter(isStored).map((kind) => [listTypeOf(kind), kind]));
  for (const name of [...neededTypes(model, kinds), ...lists.keys()].sort()) {
    const listed = lists.get(name);
    const custom = model.custom.get(name);
    if (listed) yield [name, listSchema(flavor, listed)];
    else if (custom) yield [name, (flavor.version === 3 ? custom.v3 : custom.v2) as JsonSchema];
    else {
      const schema = typeSchema(flavor, model.table, name);
      const known = gvks(model, name);
      if (schema) yield [name, known ? { ...schema, 'x-kubernetes-group-version-kind': known } : schema];
    }
  }
}

export function* pathEntries(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<Entry> {
  const context: PathContext = {
    flavor,
    table: model.table,
    typeOf: (group, version, kind) => model.types.get(`${group}/${version}/${kind}`),
  };
  for (const kind of kinds) yield* pathsOf(context, kind);
}

/** Paths and definitions of everything; a name that this server has means what it means here. */
function* allPaths(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<Entry> {
  yield* pathEntries(flavor, model, kinds);
  for (const { paths } of model.added ?? []) yield* paths;
}

function* allDefinitions(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<Entry> {
  const others = new Map((model.added ?? []).flatMap(({ definitions }) => definitions));
  for (const entry of schemaEntries(flavor, model, kinds)) {
    others.delete(entry[0]);
    yield entry;
  }
  yield* others;
}

/** Members of a JSON object, as `"name":{…},"name":{…}`. */
function* members(entries: Iterable<Entry>): Generator<string> {
  let comma = '';
  for (const [name, value] of entries) {
    yield `${comma}${toJson(name)}:${toJson(value)}`;
    comma = ',';
  }
}

const about = { title: 'Kubernetes', version: gitVersion };
const info = `"info":${toJson(about)}`;

/** The OpenAPI 3 document of one group version, in pieces. */
export function* documentV3(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<string> {
  yield `{"openapi":"3.0.0",${info},"paths":{`;
  yield* members(pathEntries(flavor, model, kinds));
  yield '},"components":{"schemas":{';
  yield* members(schemaEntries(flavor, model, kinds));
  yield '}}}\n';
}

/** The OpenAPI 2 document of everything, in pieces. */
export function* documentV2(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<string> {
  yield `{"swagger":"2.0",${info},"paths":{`;
  yield* members(allPaths(flavor, model, kinds));
  yield '},"definitions":{';
  yield* members(allDefinitions(flavor, model, kinds));
  yield '}}\n';
}

/** The same as protobuf, in pieces that are documents themselves. */
export function* documentV2Protobuf(flavor: Flavor, model: ApiModel, kinds: readonly Kind[]): Generator<Buffer> {
  yield headOf(about);
  for (const [path, item] of allPaths(flavor, model, kinds)) yield pathDocument(path, item);
  for (const [name, schema] of allDefinitions(flavor, model, kinds)) yield schemaDocument(name, schema);
}
