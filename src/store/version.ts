/** One version of one object, as the replica keeps it: a small header for selectors and indexes, and the bytes. */
export interface Version {
  /** `pods`, `deployments.apps`. */
  readonly resource: string;
  /** `namespace/name`, or `name`. */
  readonly key: string;
  readonly revision: number;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** What field selectors can ask for, besides metadata.name and metadata.namespace. */
  readonly fields: Readonly<Record<string, string>> | undefined;
  /** The canonical JSON, kind and apiVersion first, metadata next, `resourceVersion` before labels and annotations. */
  readonly bytes: Buffer;
  /** How the journal keeps it: the prefix of what sealed it, and the key where a plugin has several; undefined: as it is. */
  readonly seal?: string | undefined;
}

/** What a watcher is told: `version` is the object now (for DELETED: as it was, at the revision of its deletion). */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: Version;
  readonly previous: Version | undefined;
}

export const namespaceOf = (key: string): string => {
  const slash = key.indexOf('/');
  return slash < 0 ? '' : key.slice(0, slash);
};

export const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/** Bytes off the JavaScript heap, of exactly the text's length (pooled slices would keep whole slabs alive). */
export function toBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

const marker = Buffer.from('"resourceVersion":"');
const quote = 0x22;

/**
 * The same object at another revision: only the first `resourceVersion` differs. Nothing before it can contain the
 * marker, because names and uids have no quotes.
 */
export function atRevision(version: Version, revision: number): Version {
  const start = version.bytes.indexOf(marker) + marker.length;
  const end = version.bytes.indexOf(quote, start);
  const text = Buffer.from(String(revision));
  const bytes = Buffer.allocUnsafeSlow(version.bytes.length - (end - start) + text.length);
  version.bytes.copy(bytes, 0, 0, start);
  text.copy(bytes, start);
  version.bytes.copy(bytes, start + text.length, end);
  return { ...version, revision, bytes };
}

/** What a shared journal can say of a deleted object. */
export const goneAt = (at: Pick<Version, 'resource' | 'key' | 'revision'>): Version => ({
  ...at,
  uid: '',
  labels: undefined,
  fields: undefined,
  bytes: Buffer.alloc(0),
});
