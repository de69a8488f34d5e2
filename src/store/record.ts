import type { Change } from './journal.ts';
import { type Copy, ownCopy } from './slabs.ts';
import type { Version } from './version.ts';

interface Header {
  r: string;
  k: string;
  u: string;
  l?: Record<string, string>;
  f?: Record<string, string>;
  /** Deleted. */
  d?: 1;
  /** The revision that this one replaced. */
  p?: number;
  /** What follows is a sealed record, see `sealing/`. */
  e?: 1;
}

/** How changes are written. */
export interface RecordCodec {
  /** Some of what is there may have to be written once more, in another form. */
  readonly seals: boolean;
  encode(change: Change): Buffer;
  /** What `seal` of a version of this resource would be if it were written now; undefined: what is written stays as it is. */
  sealNow?(resource: string): string | undefined;
  /** Why nothing of this resource can be written for now; undefined: it can. What is there can be read, and removed. */
  refusal?(resource: string): string | undefined;
  /** Throws where the record cannot be read. The change has a copy of the object, by default one of its own. */
  decode(revision: number, record: Buffer, copy?: Copy): Change;
  /** Where somebody has to be asked before a record can be decoded; undefined: nobody has. Takes what it keeps of the record at once. */
  prepare?(record: Buffer): Promise<void> | undefined;
}

/** A log record: length of the header (uint32, big endian), the header as JSON, the object's bytes. */
export function encodeRecord(change: Change): Buffer {
  const { version } = change;
  const header: Header = { r: version.resource, k: version.key, u: version.uid };
  if (version.labels) header.l = version.labels;
  if (version.fields) header.f = version.fields;
  if (change.deleted) header.d = 1;
  if (change.previous !== undefined) header.p = change.previous;
  return framed(header, version.bytes);
}

/** A record that says what it is about, and nothing of the object. */
export function recordOfSealed({ version, deleted, previous }: Change, sealed: Buffer): Buffer {
  const header: Header = { r: version.resource, k: version.key, u: version.uid, e: 1 };
  if (deleted) header.d = 1;
  if (previous !== undefined) header.p = previous;
  return framed(header, sealed);
}

function framed(header: Header, bytes: Buffer): Buffer {
  const text = JSON.stringify(header);
  const length = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(4 + length + bytes.length);
  record.writeUInt32BE(length);
  record.write(text, 4);
  bytes.copy(record, 4 + length);
  return record;
}

/** Writes everything as it is, and leaves sealed what is sealed: for who moves or counts records. */
export const plainRecords: RecordCodec = { seals: false, encode: encodeRecord, decode: decodeRecord };

/** `sealed`: the version's bytes are a record that has been sealed. */
export function decodeRecord(revision: number, record: Buffer, copy = ownCopy): Change & { sealed: boolean } {
  const end = 4 + record.readUInt32BE();
  const header: Header = JSON.parse(record.toString('utf8', 4, end));
  const version: Version = {
    resource: header.r,
    key: header.k,
    revision,
    uid: header.u,
    labels: header.l,
    fields: header.f,
    bytes: copy(record.subarray(end)),
  };
  return { version, deleted: header.d === 1, previous: header.p, sealed: header.e === 1 };
}
