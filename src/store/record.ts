import type { Change } from './journal.ts';
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
}

/** A log record: length of the header (uint32, big endian), the header as JSON, the object's bytes. */
export function encodeRecord(change: Change): Buffer {
  const { version } = change;
  const header: Header = { r: version.resource, k: version.key, u: version.uid };
  if (version.labels) header.l = version.labels;
  if (version.fields) header.f = version.fields;
  if (change.deleted) header.d = 1;
  if (change.previous !== undefined) header.p = change.previous;
  const text = JSON.stringify(header);
  const length = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(4 + length + version.bytes.length);
  record.writeUInt32BE(length);
  record.write(text, 4);
  version.bytes.copy(record, 4 + length);
  return record;
}

export function decodeRecord(revision: number, record: Buffer): Change {
  const end = 4 + record.readUInt32BE();
  const header: Header = JSON.parse(record.toString('utf8', 4, end));
  const bytes = Buffer.allocUnsafeSlow(record.length - end);
  record.copy(bytes, 0, end);
  const version: Version = {
    resource: header.r,
    key: header.k,
    revision,
    uid: header.u,
    labels: header.l,
    fields: header.f,
    bytes,
  };
  return { version, deleted: header.d === 1, previous: header.p };
}
