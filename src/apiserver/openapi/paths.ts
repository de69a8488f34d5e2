import type { Kind, Subresource } from '../../api/kind.ts';
import type { SchemaTable } from '../../api/schema/table.ts';
import type { Flavor, JsonSchema, ParameterFact } from './flavor.ts';
import { type Target, actions, connectOperation, operation } from './operations.ts';
import { nameParameter, namespaceParameter, pathParameter, pretty } from './parameters.ts';
import { allFields } from './type-schema.ts';

/** What paths are written from. */
export interface PathContext {
  flavor: Flavor;
  table: SchemaTable;
  /** The type behind a group, version and kind. */
  typeOf(group: string, version: string, kind: string): string | undefined;
}

type Path = [path: string, item: JsonSchema];

/** Methods of the subresources that hand a connection on, by verb. */
const connectMethods = { get: 'get', create: 'post', update: 'put', patch: 'patch', delete: 'delete' } as const;
const streaming = new Set(['attach', 'exec', 'portforward', 'proxy']);

export const rootOf = ({ group, version }: Pick<Kind, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

export const listTypeOf = (kind: Kind): string => kind.type.replace(/[^.]+$/, kind.listKind ?? `${kind.kind}List`);

function pathItem(flavor: Flavor, verbs: string[], target: Target, shared: ParameterFact[]): JsonSchema | undefined {
  const offered = verbs.flatMap((verb) => actions[verb] ?? []);
  if (offered.length === 0) return undefined;
  return {
    ...Object.fromEntries(offered.map((action) => [action.method, operation(flavor, action, target)])),
    parameters: [...shared, ...pretty].map(flavor.parameter),
  };
}

/** The fields of an options kind as query parameters. */
function optionParameters(table: SchemaTable, type: string | undefined): ParameterFact[] {
  const fields = type ? allFields(table, table[type] ?? { k: 'struct' }) : [];
  return fields
    .filter((field) => field.n !== 'kind' && field.n !== 'apiVersion')
    .map(({ n, t }) => ({
      name: n,
      in: 'query',
      type: t === 'boolean' ? 'boolean' : t.startsWith('int') ? 'integer' : 'string',
      description: `${n} of the call.`,
    }));
}

function* streamPaths(context: PathContext, at: string, target: Target, shared: ParameterFact[]): Generator<Path> {
  const { flavor, table } = context;
  const { kind, subresource } = target as Target & { subresource: Subresource };
  const options = optionParameters(table, context.typeOf(kind.group, kind.version, subresource.kind));
  const methods = subresource.verbs.flatMap((verb) => connectMethods[verb as keyof typeof connectMethods] ?? []);
  const bare = { ...target, type: undefined };
  const item = (parameters: ParameterFact[], withPath = false): JsonSchema => ({
    ...Object.fromEntries(methods.map((method) => [method, connectOperation(flavor, method, { ...bare, withPath })])),
    parameters: [...parameters, ...options].map(flavor.parameter),
  });
  yield [at, item(shared)];
  if (subresource.name === 'proxy') yield [`${at}/{path}`, item([...shared, pathParameter], true)];
}

function* subresourcePaths(context: PathContext, kind: Kind, object: string): Generator<Path> {
  const shared = [nameParameter(kind.kind), ...(kind.namespaced ? [namespaceParameter] : [])];
  for (const subresource of kind.subresources ?? []) {
    const at = `${object}/${subresource.name}`;
    const { group = kind.group, version = kind.version } = subresource;
    const isLog = subresource.name === 'log';
    const type = isLog ? undefined : context.typeOf(group, version, subresource.kind);
    const target: Target = { kind, subresource, type };
    if (streaming.has(subresource.name)) yield* streamPaths(context, at, target, shared);
    else {
      const options = isLog ? optionParameters(context.table, context.typeOf('', 'v1', 'PodLogOptions')) : [];
      const item = pathItem(context.flavor, subresource.verbs, target, [...shared, ...options]);
      if (item) yield [at, item];
    }
  }
}

/** The paths of a kind with their operations. */
export function* pathsOf(context: PathContext, kind: Kind): Generator<Path> {
  const { flavor } = context;
  const root = rootOf(kind);
  const scope = kind.namespaced ? [namespaceParameter] : [];
  const collection = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.resource}`;
  const object = `${collection}/{name}`;
  const target: Target = { kind, type: kind.type, listType: listTypeOf(kind) };
  const has = (verbs: string[]) => verbs.filter((verb) => kind.verbs.includes(verb));
  const items: [string, JsonSchema | undefined][] = [
    [collection, pathItem(flavor, has(['list', 'create', 'deletecollection']), target, scope)],
    [object, pathItem(flavor, has(['get', 'update', 'patch', 'delete']), target, [nameParameter(kind.kind), ...scope])],
  ];
  if (kind.namespaced)
    items.push([`${root}/${kind.resource}`, pathItem(flavor, has(['list']), { ...target, allNamespaces: true }, [])]);
  for (const [path, item] of items) if (item) yield [path, item];
  yield* subresourcePaths(context, kind, object);
}
