import { parseJson, toJson } from '../base/lossless-json.ts';
import type { ObjectMeta } from '../api/generated/types.ts';
import { setMember } from '../api/meta/json.ts';
import { frozenWhole, SharedParts } from '../api/meta/shared-parts.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import { encodeMessage } from '../api/schema/protobuf-encode.ts';
import type { Put } from '../store/store.ts';
import { type StoreEvent, toBytes, type Version } from '../store/version.ts';
import type { Endpoint, FieldPath } from './endpoint.ts';

/**
 * Keeps what was made of the most recently used versions, by their bytes: two generations, the older one dropped when the
 * younger is full.
 */
class Recent<T> {
  #young = new Map<Buffer, T>();
  #old = new Map<Buffer, T>();
  /** Of the younger generation. */
  #size = 0;
  readonly #half: number;

  /** `limit`: how many bytes of versions. */
  constructor(limit: number) {
    this.#half = limit / 2;
  }

  get(bytes: Buffer): T | undefined {
    const young = this.#young.get(bytes);
    if (young) return young;
    const old = this.#old.get(bytes);
    if (old) this.set(bytes, old);
    return old;
  }

  set(bytes: Buffer, made: T): void {
    if (this.#size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = 0;
    }
    this.#young.set(bytes, made);
    this.#size += bytes.length;
  }
}

/** Smaller objects (leases, events) have little in common that would be worth looking for, and are read again in no time. */
const sharedFrom = 2048;

/** What informers hold is not decoded again, however old: these bridge the time from a write to who reads it. */
const defaults = { cachedBytes: 16 * 2 ** 20, cachedMessageBytes: 16 * 2 ** 20 };

/** Between stored bytes and objects: each version is decoded at most once while it is in use. */
export class ObjectCodec {
  /** What a writer handed in is kept as it came, and made an object for readers when the first one asks. */
  readonly #recent: Recent<KubeObject>;
  /** What somebody still holds, however long ago it was made: all informers of this process have one object. */
  readonly #held = new WeakMap<Buffer, WeakRef<KubeObject>>();
  readonly #messages: Recent<Uint8Array>;
  readonly #parts = new SharedParts();

  /** How much of what was decoded is kept, as bytes of JSON; in memory an object takes about four times that. */
  constructor(options: { cachedBytes?: number; cachedMessageBytes?: number } = {}) {
    this.#recent = new Recent(options.cachedBytes ?? defaults.cachedBytes);
    this.#messages = new Recent(options.cachedMessageBytes ?? defaults.cachedMessageBytes);
  }

  /** The frozen object of a version. */
  read<T extends KubeObject>({ bytes }: Version): T {
    const known = this.#recent.get(bytes);
    if (known && Object.isFrozen(known)) return known as T;
    const held = this.#heldOf(bytes);
    if (held) return held as T;
    const decoded = (known ?? parseJson(bytes.toString('utf8'))) as T;
    const object = bytes.length < sharedFrom ? frozenWhole(decoded) : this.#parts.freeze(decoded);
    if (object !== known) this.#recent.set(bytes, object);
    // For small ones that costs more than reading them again.
    if (bytes.length >= sharedFrom) this.#held.set(bytes, new WeakRef<KubeObject>(object));
    return object;
  }

  /** What an event is about. An object that goes is what it was, at another revision: that need not be decoded again. */
  readEvent<T extends KubeObject>({ type, version, previous }: StoreEvent): T {
    if (type !== 'DELETED' || !previous || this.#recent.get(version.bytes)) return this.read(version);
    const last = this.#recent.get(previous.bytes) ?? this.#heldOf(previous.bytes);
    if (!last || !Object.isFrozen(last)) return this.read(version);
    const metadata = Object.freeze({ ...last.metadata, resourceVersion: String(version.revision) });
    const gone = Object.freeze({ ...last, metadata });
    this.#recent.set(version.bytes, gone);
    return gone as T;
  }

  #heldOf(bytes: Buffer): KubeObject | undefined {
    return bytes.length >= sharedFrom ? this.#held.get(bytes)?.deref() : undefined;
  }

  /** The protobuf message of a version, without its envelope. */
  message(endpoint: Endpoint, version: Version): Uint8Array {
    const known = this.#messages.get(version.bytes);
    if (known) return known;
    const message = encodeMessage(endpoint.kind.type, this.read(version));
    this.#messages.set(version.bytes, message);
    return message;
  }

  /**
   * Prepares an object for the store, in the version that is stored. Takes it over: it must not be changed afterwards.
   */
  put(endpoint: Endpoint, key: string, object: KubeObject): Put {
    return {
      resource: endpoint.resource,
      key,
      encode: (revision) => {
        const written = canonical(endpoint, object, String(revision));
        const bytes = toBytes(toJson(written));
        // Who asks for this version next gets what was written: nothing is parsed.
        this.#recent.set(bytes, written);
        const { uid = '' } = object.metadata;
        const labels = this.#parts.share(object.metadata.labels);
        const fields = selectableFields(endpoint.storedFields, object);
        return { uid, labels, fields: bytes.length < sharedFrom ? fields : this.#parts.share(fields), bytes };
      },
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
export const canonical = (
  { kind }: Pick<Endpoint, 'kind'>,
  object: KubeObject,
  resourceVersion: string | undefined,
): KubeObject => canonicalObject(object, resourceVersion, { kind: kind.kind, apiVersion: groupVersion(kind) });

/** The same; `type` is what an object is that does not say so. */
export function canonicalObject(
  object: KubeObject,
  resourceVersion: string | undefined,
  type?: { kind: string; apiVersion: string },
): KubeObject {
  const ordered = {
    kind: object.kind ?? type?.kind,
    apiVersion: object.apiVersion ?? type?.apiVersion,
    metadata: canonicalMeta(object.metadata, resourceVersion),
  };
  for (const name in object) if (!Object.hasOwn(ordered, name)) setMember(ordered, name, object[name as never]);
  return ordered as KubeObject;
}

export function canonicalMeta(meta: ObjectMeta, resourceVersion: string | undefined): ObjectMeta {
  const ordered: Record<string, unknown> = {};
  for (const field of metaOrder) {
    const value = field === 'resourceVersion' ? resourceVersion : meta[field];
    if (value !== undefined && !isEmpty(value)) ordered[field] = value;
  }
  return ordered as unknown as ObjectMeta;
}

/** What stored metadata does not have: empty texts, lists and maps, null. */
export function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object') return value === '';
  for (const _ in value) return false;
  return true;
}

/** Values of the kind's field labels that are not about name and namespace; absent values are the empty string. */
function selectableFields(paths: readonly FieldPath[], object: KubeObject): Record<string, string> | undefined {
  if (paths.length === 0) return undefined;
  const fields: Record<string, string> = {};
  for (const field of paths) fields[field.key] = selectableValue(field, object);
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
