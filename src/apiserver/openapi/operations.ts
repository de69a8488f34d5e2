import type { Kind, Subresource } from '../../api/kind.ts';
import type { Flavor, JsonSchema, ParameterFact } from './flavor.ts';
import * as parameters from './parameters.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const jsonTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const streamTypes = [...jsonTypes, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** What a path serves: a kind, or one of its subresources with a kind of its own. */
export interface Target {
  kind: Kind;
  subresource?: Subresource | undefined;
  /** Type of the objects that come and go; undefined where they are none (logs, streams). */
  type?: string | undefined;
  listType?: string | undefined;
  /** The list over all namespaces. */
  allNamespaces?: boolean;
  /** A path behind the proxy follows. */
  withPath?: boolean;
}

interface Action {
  method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  /** `x-kubernetes-action`, and what the operation's id begins with where that is another word. */
  action: string;
  prefix?: string;
  parameters?: ParameterFact[];
  input?: 'object' | 'patch' | 'deleteOptions';
  output?: 'object' | 'list' | 'status';
  codes?: number[];
}

/** The operations by the verb that allows them. */
export const actions: Record<string, Action> = {
  list: { method: 'get', action: 'list', parameters: parameters.listParameters, output: 'list' },
  get: { method: 'get', action: 'get', prefix: 'read', output: 'object' },
  create: {
    method: 'post',
    action: 'post',
    prefix: 'create',
    parameters: parameters.writeParameters,
    input: 'object',
    output: 'object',
    codes: [200, 201, 202],
  },
  update: {
    method: 'put',
    action: 'put',
    prefix: 'replace',
    parameters: parameters.writeParameters,
    input: 'object',
    output: 'object',
    codes: [200, 201],
  },
  patch: {
    method: 'patch',
    action: 'patch',
    parameters: parameters.patchParameters,
    input: 'patch',
    output: 'object',
    codes: [200, 201],
  },
  delete: {
    method: 'delete',
    action: 'delete',
    parameters: parameters.deleteParameters,
    input: 'deleteOptions',
    output: 'status',
    codes: [200, 202],
  },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    prefix: 'deleteCollection',
    parameters: parameters.deleteCollectionParameters,
    input: 'deleteOptions',
    output: 'status',
  },
};

/** Custom resources have no schema for strategic merges. */
const patchTypesOf = ({ stability }: Kind): string[] => (stability === 'custom' ? patchTypes.slice(0, -1) : patchTypes);

const codeTexts: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `AppsV1`, `CoreV1`, `RbacAuthorizationV1`: how operation ids and tags name a group version. */
export function groupVersionName({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  const parts = (group || 'core').replace(/\.k8s\.io$/, '').split('.');
  return parts.map(upperFirst).join('') + upperFirst(version);
}

function operationId(action: Action, { kind, subresource, allNamespaces, withPath }: Target): string {
  let prefix = action.prefix ?? action.action;
  let collection = '';
  if (prefix === 'deleteCollection') {
    prefix = 'delete';
    collection = 'Collection';
  }
  const scope = kind.namespaced && !allNamespaces ? 'Namespaced' : '';
  const tail = `${subresource ? upperFirst(subresource.name) : ''}${withPath ? 'WithPath' : ''}${allNamespaces ? 'ForAllNamespaces' : ''}`;
  return `${prefix}${groupVersionName(kind)}${collection}${scope}${kind.kind}${tail}`;
}

const gvkOf = ({ kind, subresource }: Target): JsonSchema => ({
  group: subresource?.version ? (subresource.group ?? '') : kind.group,
  kind: subresource?.kind ?? kind.kind,
  version: subresource?.version ?? kind.version,
});

function inputSchema(flavor: Flavor, action: Action, target: Target): JsonSchema | undefined {
  if (action.input === 'deleteOptions') return flavor.ref(`${metaPrefix}DeleteOptions`);
  if (action.input === 'patch') return { type: 'object' };
  return action.input && target.type ? flavor.ref(target.type) : undefined;
}

function outputSchema(flavor: Flavor, action: Action, target: Target): JsonSchema {
  const type = action.output === 'list' ? target.listType : action.output === 'object' ? target.type : undefined;
  if (type) return flavor.ref(type);
  return action.output === 'status' ? flavor.ref(`${metaPrefix}Status`) : { type: 'string' };
}

/** One operation of a path. */
export function operation(flavor: Flavor, action: Action, target: Target): JsonSchema {
  const outputs = action.output === 'list' ? streamTypes : target.type ? jsonTypes : ['*/*'];
  const input = inputSchema(flavor, action, target);
  const inputs = action.input === 'patch' ? patchTypesOf(target.kind) : jsonTypes;
  const body = input ? flavor.body(input, inputs) : { parameters: [], operation: {} };
  const output = outputSchema(flavor, action, target);
  const responses = (action.codes ?? [200]).map((code) => [
    code,
    flavor.response(codeTexts[code] ?? '', output, outputs),
  ]);
  const { kind } = target;
  return {
    tags: [`${(kind.group || 'core').replace(/\.k8s\.io$/, '').replaceAll('.', '')}_${kind.version}`],
    description: `${action.prefix ?? action.action} ${target.subresource ? `${target.subresource.name} of ` : ''}${kind.kind}`,
    operationId: operationId(action, target),
    parameters: [...body.parameters, ...(action.parameters ?? []).map(flavor.parameter)],
    ...body.operation,
    ...(flavor.version === 2 ? { produces: outputs } : {}),
    responses: { ...Object.fromEntries(responses), 401: flavor.response('Unauthorized', undefined, []) },
    'x-kubernetes-action': action.action,
    'x-kubernetes-group-version-kind': gvkOf(target),
  };
}

/** An operation that hands the connection on: exec, attach, port-forward, proxy. */
export const connectOperation = (flavor: Flavor, method: Action['method'], target: Target): JsonSchema =>
  operation(flavor, { method, action: 'connect', prefix: `connect${upperFirst(method)}` }, target);
