import type { ObjectMeta } from '../api/generated/types.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import { encodeMessage } from '../api/schema/protobuf-encode.ts';
import type { Put } from '../store/store.ts';
import { toBytes, type Version } from '../store/version.ts';
import type { Endpoint, FieldPath } from './endpoint.ts';

/** Keeps what was made of the most recently used versions: two generations, the older one dropped when the younger is full. */
class Recent<T> {
  #young = new Map<Version, T>();
  #old = new Map<Version, T>();
  readonly #half: number;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  get(version: Version): T | undefined {
    const young = this.#young.get(version);
    if (young) return young;
    const old = this.#old.get(version);
    if (old) this.set(version, old);
    return old;
  }

  set(version: Version, object: T): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(version, object);
  }
}

const defaults = { cachedObjects: 32_768, cachedMessages: 8192 };

/** Between stored bytes and objects: each version is decoded at most once while it is in use. */
export class ObjectCodec {
  readonly #recent: Recent<KubeObject>;
  readonly #messages: Recent<Uint8Array>;

  constructor(options: { cachedObjects?: number; cachedMessages?: number } = {}) {
    this.#recent = new Recent(options.cachedObjects ?? defaults.cachedObjects);
    this.#messages = new Recent(options.cachedMessages ?? defaults.cachedMessages);
  }

  /** The frozen object of a version. */
  read<T extends KubeObject>(version: Version): T {
    const known = this.#recent.get(version);
    if (known) return known as T;
    const object = deepFreeze(JSON.parse(version.bytes.toString('utf8')) as T);
    this.#recent.set(version, object);
    return object;
  }

  /** The protobuf message of a version, without its envelope. */
  message(endpoint: Endpoint, version: Version): Uint8Array {
    const known = this.#messages.get(version);
    if (known) return known;
    const message = encodeMessage(endpoint.kind.type, this.read(version));
    this.#messages.set(version, message);
    return message;
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
