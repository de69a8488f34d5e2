import type { ObjectMeta } from './generated/types.ts';

/** Any API object: what every kind has in common. */
export interface KubeObject {
  kind?: string;
  apiVersion?: string;
  metadata: ObjectMeta;
}

/** A typed handle of a served resource; `api/generated/resources.ts` has one per built-in resource. */
export interface Resource<T = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only for the type checker: the object's type. Never set. */
  readonly object?: T;
}

/** Where an object is. `namespace` is absent for resources without one. */
export interface ObjectKey {
  namespace?: string;
  name: string;
}

export interface List<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

type Deep<T> = T extends (infer U)[] ? Deep<U>[] : T extends object ? { [K in keyof T]?: Deep<T[K]> } : T;

/** What a writer hands in: everything optional but a name; the server defaults the rest. */
export type Manifest<T> = Deep<Omit<T, 'metadata'>> & { metadata: Partial<ObjectMeta> };

/** `deployments.apps`, or `pods` for the core group: how errors and RBAC name a resource. */
export const groupResource = (r: { group: string; resource: string }): string =>
  r.group ? `${r.resource}.${r.group}` : r.resource;

/** `apps/v1`, or `v1` for the core group. */
export const groupVersion = (r: { group: string; version: string }): string =>
  r.group ? `${r.group}/${r.version}` : r.version;

/** `namespace/name`, or `name` for objects without a namespace: the key of caches and queues. */
export const keyText = (key: ObjectKey): string => (key.namespace ? `${key.namespace}/${key.name}` : key.name);

/** The inverse of `keyText`. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

export const keyOf = (object: KubeObject): ObjectKey =>
  object.metadata.namespace
    ? { namespace: object.metadata.namespace, name: object.metadata.name }
    : { name: object.metadata.name };
