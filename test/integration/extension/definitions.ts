import type { ApiProcess } from './api-process.ts';

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A schema that takes everything. */
export const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

interface Version {
  schema?: object;
  served?: boolean;
  selectableFields?: { jsonPath: string }[];
}

/** Versions of a definition, each served unless told; the first one is stored unless told. */
export const versionsOf = (versions: Record<string, Version>, stored = Object.keys(versions)[0]) =>
  Object.entries(versions).map(([name, { schema = free, ...more }]) => ({
    ...{ name, served: true, storage: name === stored, schema: { openAPIV3Schema: schema } },
    ...more,
  }));

/** A definition of cluster-wide objects in one free version unless told; `boats` are Boats. */
export function definition(plural: string, more: { group?: string; versions?: object[]; conversion?: object } = {}) {
  const { group = 'test.io', versions = versionsOf({ v1: {} }), ...spec } = more;
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  return {
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope: 'Cluster', names: { plural, kind }, versions, ...spec },
  };
}

/** Where objects of a definition are, and how one looks. */
export const customOf = ({ spec: { group, names } }: ReturnType<typeof definition>, version = 'v1') => ({
  path: `/apis/${group}/${version}/${names.plural}`,
  object: (name: string, more: object = {}) => ({
    ...{ apiVersion: `${group}/${version}`, kind: names.kind, metadata: { name } },
    ...more,
  }),
});

/** Changes a definition; throws when it is refused. */
export async function redefine(server: ApiProcess, name: string, spec: object): Promise<void> {
  const { status, body } = await server.patch(`${definitions}/${name}`, { spec });
  if (status !== 200) throw new Error(JSON.stringify(body));
}
