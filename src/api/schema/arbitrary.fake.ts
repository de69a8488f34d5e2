import fc from 'fast-check';
import { canonicalQuantity } from '../meta/quantity.ts';
import { schema } from './schema.ts';
import type { FieldSchema } from './table.ts';

const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('', 'a', 'x.io/y', 'TCP', '🚢', '__proto__'));
const integer = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
const anyJson = fc.oneof(fc.constant({}), fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.integer()));
const safe = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });

const scalars: Record<string, fc.Arbitrary<unknown>> = {
  string: text,
  boolean: fc.boolean(),
  int: safe,
  int32: integer(32),
  int64: safe,
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  uint64: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  float: fc.constantFrom(0, 0.5, -2, 1024),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bytes: fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  quantity: fc.constantFrom('0', '100m', '1', '1Gi', '1500', '2k').map((q) => canonicalQuantity(q)),
  time: seconds.map((s) => `${new Date(s * 1000).toISOString().slice(0, 19)}Z`),
  microtime: fc
    .tuple(seconds, fc.integer({ min: 0, max: 999_999 }))
    .map(([s, us]) => `${new Date(s * 1000).toISOString().slice(0, 19)}.${String(us).padStart(6, '0')}Z`),
  duration: fc.constantFrom('0s', '1s', '90s'),
  intorstring: fc.oneof(integer(32), text),
  rawextension: anyJson,
  fieldsv1: anyJson,
  json: anyJson,
  any: anyJson,
  jsonschemaorbool: fc.boolean(),
  jsonschemaorarray: fc.constant({ type: 'string' }),
  jsonschemaorstringarray: fc.array(text, { minLength: 1, maxLength: 2 }),
};

/** Structs below this depth are left out where they may be: types refer to themselves. */
const maxDepth = 6;

/** Any value of a type, by what the tables say: a decoder takes it, rules may not. */
export function valueOf(type: string, depth = 0): fc.Arbitrary<unknown> {
  const scalar = scalars[type];
  if (scalar) return scalar;
  const target = schema.resolve(type);
  if (target.startsWith('[]')) return fc.array(valueOf(target.slice(2), depth + 1), { maxLength: 2 });
  if (target.startsWith('map[string]')) {
    return fc.dictionary(text, valueOf(target.slice('map[string]'.length), depth + 1), {
      maxKeys: 2,
      noNullPrototype: true,
    });
  }
  if (target !== type) return valueOf(target, depth);
  return struct(type, depth);
}

function struct(type: string, depth: number): fc.Arbitrary<object> {
  const fields = [...schema.fields(type).values()].filter((field) => wanted(field, depth));
  // Made when a value is drawn: the types of the API are large, and most members are absent.
  const present = fc.subarray(fields, { maxLength: Math.min(fields.length, Math.max(2, 8 - depth)) });
  return present.chain((chosen) =>
    fc.record(Object.fromEntries(chosen.map((field) => [field.n, valueOf(field.t, depth + 1)]))),
  );
}

/** `kind` and `apiVersion` come from the type; deep down only scalars follow. */
const wanted = ({ n, t }: FieldSchema, depth: number): boolean =>
  n !== 'kind' && n !== 'apiVersion' ? depth < maxDepth || t in scalars : depth > 0;
