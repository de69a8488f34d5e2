import { toJson } from '../../base/lossless-json.ts';
import { Writer } from 'protobufjs/minimal.js';
import { schema } from './schema.ts';
import type { FieldSchema } from './table.ts';

type Json = Record<string, unknown>;

/** `k8s` and a zero byte stand before every object. */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;
const tag = (field: number, wire: number): number => (field << 3) | wire;

/** Whether objects of a type have a protobuf form: all built-in ones do, custom resources do not. */
export const hasProtobuf = (type: string): boolean => schema.fields(type).get('metadata')?.pn !== undefined;

/**
 * The message of an object in its JSON form, byte for byte as Go writes it: fields in the order of their numbers, zero
 * values of fields that are no pointers written, maps in the order of their keys. Without the envelope.
 */
export function encodeMessage(type: string, object: object): Uint8Array {
  const writer = Writer.create();
  message(writer, type, object as Json);
  return writer.finish();
}

/** An object as it travels: the magic, then `runtime.Unknown` with its kind and its message. */
export function envelope(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  const writer = Writer.create();
  writer.uint32(tag(1, delimited)).fork();
  writer.uint32(tag(1, delimited)).string(apiVersion).uint32(tag(2, delimited)).string(kind).ldelim();
  writer.uint32(tag(2, delimited)).bytes(raw);
  // contentEncoding and contentType: always there, always empty.
  writer.uint32(tag(3, delimited)).string('').uint32(tag(4, delimited)).string('');
  return Buffer.concat([magic, writer.finish()]);
}

/** `PartialObjectMetadata`: the metadata is field 1. */
export function encodeMetadata(metadata: object): Uint8Array {
  const raw = encodeMessage('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', metadata);
  return Writer.create().uint32(tag(1, delimited)).bytes(raw).finish();
}

/** A list of messages: `metadata` is field 1, every item field 2, in all list kinds. */
export function encodeList(metadata: object, items: readonly Uint8Array[]): Uint8Array {
  const writer = Writer.create();
  writer.uint32(tag(1, delimited)).bytes(encodeMessage('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', metadata));
  for (const item of items) writer.uint32(tag(2, delimited)).bytes(item);
  return writer.finish();
}

/** A watch event as it travels: its length in four bytes, then `WatchEvent` {type, object}. */
export function encodeWatchEvent(type: string, object: Uint8Array): Buffer {
  const writer = Writer.create();
  writer.uint32(tag(1, delimited)).string(type);
  writer.uint32(tag(2, delimited)).fork().uint32(tag(1, delimited)).bytes(object).ldelim();
  const event = writer.finish();
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length);
  frame.set(event, 4);
  return frame;
}

const numbered = new Map<string, FieldSchema[]>();

/** A type's fields in the order of their numbers. */
function numberedFields(type: string): FieldSchema[] {
  let fields = numbered.get(type);
  if (!fields) {
    fields = (schema.type(type)?.f ?? []).filter((f) => f.pn !== undefined).sort((a, b) => (a.pn ?? 0) - (b.pn ?? 0));
    numbered.set(type, fields);
  }
  return fields;
}

function message(writer: Writer, type: string, object: Json): void {
  for (const field of numberedFields(type)) writeField(writer, field, object);
}

function writeField(writer: Writer, field: FieldSchema, object: Json): void {
  const number = field.pn as number;
  const t = schema.resolve(field.t);
  // An embedded struct's members are those of the outer object.
  if (field.i) nested(writer, number, () => message(writer, t, object));
  else if (t.startsWith('[]')) list(writer, number, { type: t.slice(2), items: object[field.n] });
  else if (t.startsWith('map[string]'))
    map(writer, number, { type: t.slice('map[string]'.length), of: object[field.n] });
  else {
    const value = object[field.n];
    if (value !== undefined && value !== null) writeValue(writer, number, { type: t, value });
    else if (!field.ptr && t !== 'bytes') writeValue(writer, number, { type: t, value: undefined });
  }
}

function nested(writer: Writer, number: number, body: () => void): void {
  writer.uint32(tag(number, delimited)).fork();
  body();
  writer.ldelim();
}

function list(writer: Writer, number: number, { type, items }: { type: string; items: unknown }): void {
  const t = schema.resolve(type);
  for (const item of (items as unknown[] | null | undefined) ?? [])
    writeValue(writer, number, { type: t, value: item });
}

function map(writer: Writer, number: number, { type, of }: { type: string; of: unknown }): void {
  const members = (of as Json | null | undefined) ?? {};
  const t = schema.resolve(type);
  for (const key of Object.keys(members).sort()) {
    nested(writer, number, () => {
      writer.uint32(tag(1, delimited)).string(key);
      const value = members[key] ?? undefined;
      if (value !== undefined || t !== 'bytes') writeValue(writer, 2, { type: t, value });
    });
  }
}

/** The halves of an integer that a number cannot hold. */
const long = (value: unknown): unknown =>
  typeof value === 'bigint'
    ? { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false }
    : (value ?? 0);

type Scalar = [wire: number, write: (writer: Writer, value: unknown) => Writer];
const int64: Scalar = [varint, (w, v) => w.int64(long(v) as number)];
const uint64: Scalar = [varint, (w, v) => w.uint64(long(v) as number)];

const scalars: Record<string, Scalar> = {
  string: [delimited, (w, v) => w.string((v as string) ?? '')],
  bytes: [delimited, (w, v) => w.bytes(Buffer.from((v as string) ?? '', 'base64'))],
  boolean: [varint, (w, v) => w.bool((v as boolean) ?? false)],
  int32: [varint, (w, v) => w.int32((v as number) ?? 0)],
  int: int64,
  int64,
  uint32: [varint, (w, v) => w.uint32((v as number) ?? 0)],
  uint64,
  float: [fixed32, (w, v) => w.float((v as number) ?? 0)],
  double: [fixed64, (w, v) => w.double((v as number) ?? 0)],
};

/** `undefined` is Go's zero value. */
function writeValue(writer: Writer, number: number, { type, value }: { type: string; value: unknown }): void {
  const scalar = scalars[type];
  if (scalar) {
    const [wire, write] = scalar;
    write(writer.uint32(tag(number, wire)), value);
    return;
  }
  nested(writer, number, () => {
    const write = special[type];
    if (write) write(writer, value);
    // A list where the wire has one value (of a map, say) is a message with the items in field 1.
    else if (type.startsWith('[]')) list(writer, 1, { type: type.slice(2), items: value });
    else message(writer, type, (value as Json) ?? {});
  });
}

const json = (writer: Writer, value: unknown): void => {
  if (value !== undefined && value !== null) writer.uint32(tag(1, delimited)).string(toJson(value));
};

const propsType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** Types whose message does not look like their JSON form. */
const special: Record<string, (writer: Writer, value: unknown) => void> = {
  quantity: (w, v) => w.uint32(tag(1, delimited)).string(v === undefined ? '0' : String(v)),
  time: (w, v) => timestamp(w, v),
  microtime: (w, v) => timestamp(w, v),
  duration: (w, v) => w.uint32(tag(1, varint)).int64(nanoseconds((v as string | undefined) ?? '0s')),
  intorstring(w, v) {
    const text = typeof v === 'string';
    w.uint32(tag(1, varint)).int64(text ? 1 : 0);
    w.uint32(tag(2, varint)).int32(typeof v === 'number' ? v : 0);
    w.uint32(tag(3, delimited)).string(text ? v : '');
  },
  rawextension: json,
  fieldsv1: json,
  json,
  jsonschemaorbool(w, v) {
    w.uint32(tag(1, varint)).bool(v !== false);
    if (typeof v !== 'boolean' && v) writeValue(w, 2, { type: propsType, value: v });
  },
  jsonschemaorarray(w, v) {
    if (Array.isArray(v)) list(w, 2, { type: propsType, items: v });
    else if (v) writeValue(w, 1, { type: propsType, value: v });
  },
  jsonschemaorstringarray(w, v) {
    if (Array.isArray(v)) list(w, 2, { type: 'string', items: v });
    else if (v) writeValue(w, 1, { type: propsType, value: v });
  },
};

/** Go's zero time is an empty message. */
function timestamp(writer: Writer, value: unknown): void {
  if (typeof value !== 'string') return;
  const fraction = /\.(\d+)/.exec(value)?.[1] ?? '';
  writer.uint32(tag(1, varint)).int64(Math.floor(Date.parse(value) / 1000));
  writer.uint32(tag(2, varint)).int32(Number(fraction.padEnd(9, '0').slice(0, 9)));
}

const units: Record<string, number> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** A Go duration (`1h2m3.5s`) as nanoseconds; what is none counts as zero. */
function nanoseconds(text: string): number {
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(number) * (units[unit as string] as number);
  }
  return Math.round(text.startsWith('-') ? -total : total);
}
