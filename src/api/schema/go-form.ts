import { schema } from './schema.ts';
import type { FieldSchema } from './table.ts';

type Json = Record<string, unknown>;

const initialisms =
  /^(api|aws|csi|dns|fc|fs|gce|gid|grpc|http|id|ip|iscsi|nfs|os|pd|pv|qos|rbd|se|tcp|tls|uid|uri|url)(?=[A-Z]|s?$)/;

/** The name of a member in Go: `apiGroup` → `APIGroup`, `$ref` → `Ref`, `x-kubernetes-list-type` → `XListType`. */
export const goName = (name: string): string =>
  name
    .replace(/^\$/, '')
    .replace(/^x-kubernetes-/, 'x-')
    .replace(/-(.)/g, (_dash, first: string) => first.toUpperCase())
    .replace(initialisms, (word) => word.toUpperCase())
    .replace(/^./, (first) => first.toUpperCase());

/** A member of a type as the API server has it inside. */
export interface Member {
  name: string;
  type: string;
  /** The type by the name that Go code gives it. */
  named: string;
  pointer: boolean;
}

/** Members that types of the API server have elsewhere than the API: `SecurityContext` of pods has those of the host. */
const moved: Record<string, string[]> = {
  PodSpec: ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'],
};
const dropped: Record<string, string[]> = { PodSpec: ['serviceAccount'] };

/** Members that stand after another one inside than in the API. */
const follows: Record<string, Record<string, string>> = { JSONSchemaProps: { nullable: 'type' } };

function placed(name: string, fields: FieldSchema[]): FieldSchema[] {
  const moves = follows[name];
  if (!moves) return fields;
  const stays = fields.filter((field) => !moves[field.n]);
  return stays.flatMap((field) => [field, ...fields.filter((other) => moves[other.n] === field.n)]);
}

const shortName = (type: string): string => type.split('.').at(-1) ?? type;

export function membersOf(type: string): Member[] {
  const name = shortName(type);
  const out = [...(dropped[name] ?? []), ...(moved[name] ?? [])];
  const fields = placed(name, [...schema.fields(type).values()]).filter((field) => !out.includes(field.n));
  const host = name === 'PodSecurityContext' ? [...schema.fields(type.replace(name, 'PodSpec')).values()] : [];
  return [...host.filter((field) => moved.PodSpec?.includes(field.n)), ...fields].map(({ n, t, a, ptr }) => ({
    name: n,
    type: t,
    named: a ?? t,
    pointer: ptr === 1,
  }));
}

/** An object of the API with its members where the API server has them. */
export function arranged(type: string, value: unknown): unknown {
  const members = moved[shortName(type)];
  if (!members || typeof value !== 'object' || value === null) return value;
  const given = value as Json;
  const host = Object.fromEntries(members.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
  return { ...given, securityContext: { ...host, ...(given.securityContext as Json | undefined) } };
}

const zeros: Record<string, unknown> = { string: '', boolean: false, bytes: null, any: null };

function zero(type: string, pointer: boolean): unknown {
  if (pointer || schema.kindOf(type) === 'list' || schema.kindOf(type) === 'map') return null;
  if (schema.kindOf(type) === 'struct') return goForm(type, {});
  const base = schema.resolve(type);
  return Object.hasOwn(zeros, base) ? zeros[base] : /^u?int|^float|^double/.test(base) ? 0 : null;
}

const schemaType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** What is a schema or something else is a struct in Go, with a member for each. */
const eitherOf: Record<string, (value: unknown) => Json> = {
  jsonschemaorarray: (value) =>
    Array.isArray(value)
      ? { Schema: null, JSONSchemas: goForm(`[]${schemaType}`, value) }
      : { Schema: goForm(schemaType, value), JSONSchemas: null },
  jsonschemaorbool: (value) =>
    typeof value === 'boolean' ? { Allows: value, Schema: null } : { Allows: true, Schema: goForm(schemaType, value) },
  jsonschemaorstringarray: (value) =>
    Array.isArray(value) ? { Schema: null, Property: value } : { Schema: goForm(schemaType, value), Property: null },
};

/**
 * An object as messages of the API server show it. Inside the server its own types have no JSON names: members are shown by
 * their Go names, all of them. Types of apimachinery (selectors, conditions) look as everywhere.
 */
export function goForm(type: string, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const either = eitherOf[type];
  if (either) return either(value);
  if (typeof value !== 'object') return value;
  const element = schema.element(type);
  if (element) {
    if (Array.isArray(value)) return value.map((item) => goForm(element, item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, goForm(element, item)]));
  }
  const fields = type.includes('.apimachinery.') ? [] : membersOf(type);
  if (fields.length === 0) return value;
  const given = arranged(type, value) as Json;
  const shown = fields.flatMap(({ name, type: t, pointer }): [string, unknown][] => {
    const own = given[name];
    // Metadata is embedded, and has its own names.
    if (name === 'metadata') return Object.entries((own ?? {}) as Json);
    return [[goName(name), own === undefined ? zero(t, pointer) : goForm(t, own)]];
  });
  return Object.fromEntries(shown);
}
