import type { ObjectMeta } from '../api/generated/types.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import type { Put } from '../store/store.ts';
import { toBytes, type Version } from '../store/version.ts';
import type { Endpoint, FieldPath } from './endpoint.ts';

/** Keeps the most recently used objects: two generations, the older one dropped when the younger is full. */
class RecentObjects {
  #young = new Map<Version, KubeObject>();
  #old = new Map<Version, KubeObject>();
  readonly #half: number;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  get(version: Version): KubeObject | undefined {
    const young = this.#young.get(version);
    if (young) return young;
    const old = this.#old.get(version);
    if (old) this.set(version, old);
    return old;
  }

  set(version: Version, object: KubeObject): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(version, object);
  }
}

/** Between stored bytes and objects: each version is decoded at most once while it is in use. */
export class ObjectCodec {
  readonly #recent: RecentObjects;

  constructor(options: { cachedObjects: number } = { cachedObjects: 32_768 }) {
    this.#recent = new RecentObjects(options.cachedObjects);
  }

  /** The frozen object of a version. */
  read<T extends KubeObject>(version: Version): T {
    const known = this.#recent.get(version);
    if (known) return known as T;
    const object = deepFreeze(JSON.parse(version.bytes.toString('utf8')) as T);
    this.#recent.set(version, object);
    return object;
  }

  /**
   * Prepares an object for the store: in the endpoint's version, for what selectors ask, and as it is stored. Takes both
   * over: they must not be changed afterwards.
   */
  put(endpoint: Endpoint, key: string, { object, stored }: { object: KubeObject; stored: KubeObject }): Put {
    return {
      resource: endpoint.resource,
      key,
      encode: (revision) => ({
        uid: object.metadata.uid ?? '',
        labels: object.metadata.labels,
        fields: selectableFields(endpoint, object),
        bytes: toBytes(JSON.stringify(canonical(endpoint, stored, String(revision)))),
      }),
    };
  }
}

const metaOrder: (keyof ObjectMeta)[] = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
];

/** kind, apiVersion, metadata in its canonical order, then the rest as the codec left it. */
export function canonical(endpoint: Endpoint, object: KubeObject, resourceVersion: string | undefined): KubeObject {
  const { kind = endpoint.kind.kind, apiVersion = groupVersion(endpoint.kind) } = object;
  return canonicalObject({ ...object, kind, apiVersion }, resourceVersion);
}

export function canonicalObject(object: KubeObject, resourceVersion: string | undefined): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  return { kind, apiVersion, metadata: canonicalMeta(metadata, resourceVersion), ...rest } as KubeObject;
}

export function canonicalMeta(meta: ObjectMeta, resourceVersion: string | undefined): ObjectMeta {
  const ordered: Record<string, unknown> = {};
  for (const field of metaOrder) {
    const value = field === 'resourceVersion' ? resourceVersion : meta[field];
    if (value !== undefined && !isEmpty(value)) ordered[field] = value;
  }
  return ordered as unknown as ObjectMeta;
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value as object).length === 0);

/** Values of the kind's field labels that are not about name and namespace; absent values are the empty string. */
function selectableFields(endpoint: Endpoint, object: KubeObject): Record<string, string> | undefined {
  if (endpoint.fieldPaths.length === 0) return undefined;
  const fields: Record<string, string> = {};
  for (const field of endpoint.fieldPaths) fields[field.label] = selectableValue(field, object);
  return fields;
}

/** The text that a field selector is compared with. */
export function selectableValue({ path, boolean }: FieldPath, object: KubeObject): string {
  let value: unknown = object;
  for (const step of path) value = (value as Record<string, unknown> | undefined | null)?.[step];
  return value === undefined || value === null ? (boolean ? 'false' : '') : fieldText(value);
}

const fieldText = (value: unknown): string =>
  Array.isArray(value) ? value.map((item) => item.ip ?? String(item)).join(',') : String(value);

/** Freezes a tree; what is frozen already is taken as frozen all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key in value) deepFreeze(value[key]);
  return value;
}
