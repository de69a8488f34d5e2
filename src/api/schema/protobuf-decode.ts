import { parseJson } from '../../base/lossless-json.ts';
import { Reader } from 'protobufjs/minimal.js';
import { badRequest } from '../meta/status-error.ts';
import { schema } from './schema.ts';
import type { FieldSchema } from './table.ts';

type Json = Record<string, unknown>;

/** `k8s` and a zero byte stand before every object. */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
/** Deeper messages are refused: no API type nests like this. */
const maxDepth = 100;
const groupWire = 3;
const lengthWire = 2;

/**
 * An API object from Kubernetes' protobuf encoding: the magic, then `runtime.Unknown` {typeMeta, raw}, the object in
 * `raw`. Gives the object as its JSON form would be, not yet checked or defaulted. Throws `StatusError` BadRequest.
 */
export function decodeProtobuf(bytes: Buffer): Json {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  try {
    const { typeMeta, raw } = unknownObject(new Reader(bytes.subarray(magic.length)));
    const type = typeOf(typeMeta.apiVersion, typeMeta.kind);
    if (!type) throw badRequest(`no kind "${typeMeta.kind}" is registered for version "${typeMeta.apiVersion}"`);
    return { ...typeMeta, ...message(new Reader(raw), raw.length, { type, depth: 0 }) };
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) {
      throw badRequest(`the object could not be decoded as protobuf: ${error.message}`);
    }
    throw error;
  }
}

function unknownObject(reader: Reader): { typeMeta: { apiVersion: string; kind: string }; raw: Uint8Array } {
  const typeMeta = { apiVersion: '', kind: '' };
  let raw: Uint8Array = new Uint8Array();
  each(reader, reader.len, (field) => {
    if (field === 1) {
      each(reader, reader.uint32() + reader.pos, (part) => {
        if (part === 1) typeMeta.apiVersion = reader.string();
        else if (part === 2) typeMeta.kind = reader.string();
        else return false;
        return true;
      });
    } else if (field === 2) raw = reader.bytes();
    else return false;
    return true;
  });
  return { typeMeta, raw };
}

const typesByKind = new Map(
  schema.types().flatMap((name): [string, string][] => {
    const gvk = schema.type(name)?.gvk;
    return gvk ? [[gvk.join(' '), name]] : [];
  }),
);

/** The type of a kind; options are sent under the version of whatever they are for. */
export function typeOf(apiVersion: string, kind: string): string | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const own = typesByKind.get(`${group} ${apiVersion.slice(slash + 1)} ${kind}`);
  return own ?? (kind.endsWith('Options') ? typesByKind.get(`meta.k8s.io v1 ${kind}`) : undefined);
}

/** Reads tags up to `end`; `take` answers false for fields it does not know, which are skipped. */
function each(reader: Reader, end: number, take: (field: number, wire: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (wire === groupWire) throw new RangeError('groups are not part of the API');
    if (!take(tag >>> 3, wire)) reader.skipType(wire);
  }
}

interface At {
  type: string;
  depth: number;
}

function message(reader: Reader, length: number, { type, depth }: At): Json {
  if (depth > maxDepth) throw new RangeError('the object is nested too deeply');
  const object: Json = {};
  const fields = fieldsByNumber(type);
  each(reader, reader.pos + length, (number, wire) => {
    const field = fields.get(number);
    if (!field) return false;
    if (field.i) Object.assign(object, message(reader, reader.uint32(), { type: field.t, depth: depth + 1 }));
    else readField(reader, object, { field, wire, depth });
    return true;
  });
  return object;
}

const numbered = new Map<string, Map<number, FieldSchema>>();

function fieldsByNumber(type: string): Map<number, FieldSchema> {
  let fields = numbered.get(type);
  if (!fields) {
    fields = new Map((schema.type(type)?.f ?? []).flatMap((f): [number, FieldSchema][] => (f.pn ? [[f.pn, f]] : [])));
    numbered.set(type, fields);
  }
  return fields;
}

function readField(reader: Reader, object: Json, at: { field: FieldSchema; wire: number; depth: number }): void {
  const { field, wire, depth } = at;
  const { n: name, t } = field;
  if (t.startsWith('[]')) {
    object[name] ??= [];
    const list = object[name] as unknown[];
    const element = t.slice(2);
    // Numbers may come packed: one length, then all of them.
    if (wire === lengthWire && numbers.has(element)) {
      for (const end = reader.uint32() + reader.pos; reader.pos < end; )
        list.push(value(reader, { type: element, depth }));
    } else list.push(value(reader, { type: element, depth: depth + 1 }));
  } else if (t.startsWith('map[string]')) {
    object[name] ??= {};
    const [key, member] = entry(reader, { type: t.slice('map[string]'.length), depth });
    Object.defineProperty(object[name], key, { value: member, enumerable: true, writable: true, configurable: true });
  } else object[name] = value(reader, { type: t, depth: depth + 1 });
}

function entry(reader: Reader, at: At): [string, unknown] {
  let key = '';
  let member: unknown;
  each(reader, reader.uint32() + reader.pos, (number) => {
    if (number === 1) key = reader.string();
    else if (number === 2) member = value(reader, { type: at.type, depth: at.depth + 1 });
    else return false;
    return true;
  });
  return [key, member ?? emptyOf(at.type)];
}

/** Go leaves a map's value out of the wire when it is empty. */
const emptyOf = (type: string): unknown => (type === 'string' || type === 'bytes' ? '' : {});

/** A bigint where a number would lose digits. */
function exact(long: unknown): number | bigint {
  const number = whole(long);
  return Number.isSafeInteger(number) ? number : BigInt(String(long));
}
const whole = (long: unknown): number => Number(String(long));

const numbers = new Map<string, (reader: Reader) => number | bigint>([
  ['int32', (r) => r.int32()],
  ['int', (r) => exact(r.int64())],
  ['int64', (r) => exact(r.int64())],
  ['uint32', (r) => r.uint32()],
  ['uint64', (r) => exact(r.uint64())],
  ['float', (r) => r.float()],
  ['double', (r) => r.double()],
]);

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
const parsed = (bytes: Uint8Array): unknown => (bytes.length ? parseJson(Buffer.from(bytes).toString('utf8')) : null);

/** Types whose JSON form is not that of their message: `read` gets the fields of the message by number. */
const special: Record<string, (parts: Map<number, unknown>) => unknown> = {
  quantity: (parts) => parts.get(1) ?? '0',
  time: (parts) => timeText(parts, 0),
  microtime: (parts) => timeText(parts, 6),
  duration: (parts) => `${Number(parts.get(1) ?? 0) / 1e9}s`,
  intorstring: (parts) => (parts.get(1) ? (parts.get(3) ?? '') : (parts.get(2) ?? 0)),
  rawextension: (parts) => parts.get(1) ?? null,
  fieldsv1: (parts) => parts.get(1) ?? null,
  json: (parts) => parts.get(1) ?? null,
  jsonschemaorbool: (parts) => parts.get(2) ?? parts.get(1) ?? false,
  jsonschemaorarray: (parts) => parts.get(1) ?? parts.get(2) ?? null,
  jsonschemaorstringarray: (parts) => parts.get(1) ?? parts.get(2) ?? null,
};

const propsType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** How the parts of those messages are read. */
const specialParts: Record<string, Record<number, (reader: Reader, depth: number) => unknown>> = {
  quantity: { 1: (r) => r.string() },
  time: { 1: (r) => whole(r.int64()), 2: (r) => r.int32() },
  microtime: { 1: (r) => whole(r.int64()), 2: (r) => r.int32() },
  duration: { 1: (r) => whole(r.int64()) },
  intorstring: { 1: (r) => whole(r.int64()), 2: (r) => r.int32(), 3: (r) => r.string() },
  rawextension: { 1: (r) => parsed(r.bytes()) },
  fieldsv1: { 1: (r) => parsed(r.bytes()) },
  json: { 1: (r) => parsed(r.bytes()) },
  jsonschemaorbool: { 1: (r) => r.bool(), 2: (r, depth) => value(r, { type: propsType, depth }) },
  jsonschemaorarray: {
    1: (r, depth) => value(r, { type: propsType, depth }),
    2: (r, depth) => value(r, { type: propsType, depth }),
  },
  jsonschemaorstringarray: { 1: (r, depth) => value(r, { type: propsType, depth }), 2: (r) => r.string() },
};
const repeatedParts = new Set(['jsonschemaorarray', 'jsonschemaorstringarray']);

const year1 = -62_135_596_800;

/** RFC 3339 in UTC; Go's zero time is null. */
function timeText(parts: Map<number, unknown>, digits: number): string | null {
  const seconds = Number(parts.get(1) ?? 0);
  if (seconds === year1 || parts.size === 0) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  const nanos = String(parts.get(2) ?? 0).padStart(9, '0');
  return digits ? `${text}.${nanos.slice(0, digits)}Z` : `${text}Z`;
}

function value(reader: Reader, { type, depth }: At): unknown {
  const number = numbers.get(type);
  if (number) return number(reader);
  if (type === 'string') return reader.string();
  if (type === 'boolean') return reader.bool();
  if (type === 'bytes') return base64(reader.bytes());
  if (special[type]) return specialValue(reader, { type, depth });
  const target = schema.resolve(type);
  if (target.startsWith('[]')) return listMessage(reader, { type: target.slice(2), depth });
  if (target !== type) return value(reader, { type: target, depth });
  if (!schema.type(type)) throw new RangeError(`type ${type} has no protobuf form`);
  return message(reader, reader.uint32(), { type, depth });
}

function specialValue(reader: Reader, { type, depth }: At): unknown {
  const parts = new Map<number, unknown>();
  const readers = specialParts[type] as (typeof specialParts)[string];
  each(reader, reader.uint32() + reader.pos, (part) => {
    const read = readers[part];
    if (!read) return false;
    const item = read(reader, depth + 1);
    if (part === 2 && repeatedParts.has(type)) parts.set(2, [...((parts.get(2) as unknown[]) ?? []), item]);
    else parts.set(part, item);
    return true;
  });
  return special[type]?.(parts);
}

/** A list in a place where the wire has one value (of a map, say) is a message with the items in field 1. */
function listMessage(reader: Reader, at: At): unknown[] {
  const items: unknown[] = [];
  each(reader, reader.uint32() + reader.pos, (part) => {
    if (part !== 1) return false;
    items.push(value(reader, { type: at.type, depth: at.depth + 1 }));
    return true;
  });
  return items;
}
