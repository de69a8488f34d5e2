import { canonicalQuantity, QuantityError } from '../meta/quantity.ts';
import { type Cursor, maxDepth } from './cursor.ts';
import { normalMicroTime, normalTime, TimeError } from './time.ts';

/** Decodes the values of one type. */
export interface Reader {
  /** The normal form of a JSON value other than null. Throws `StatusError` BadRequest for a value of the wrong type. */
  read(value: unknown, at: Cursor): unknown;
  /** What a missing member is written as where it must be written. */
  zero(): unknown;
  /** How `omitempty` sees the type: a value type is dropped when empty, a struct never is. */
  shape: 'value' | 'list' | 'map' | 'struct';
  /** The type's name in error texts. */
  goType: string;
}

const scalar = (goType: string, zero: unknown, read: Reader['read'], shape: Reader['shape'] = 'value'): Reader => ({
  read,
  zero: () => zero,
  shape,
  goType,
});

const integer = (goType: string, min: number, max: number): Reader =>
  scalar(goType, 0, (value, at) => {
    if (typeof value === 'bigint') {
      if (max >= 2 ** 53 && value >= min) return value;
      throw numberMismatch(value, goType, at);
    }
    if (typeof value !== 'number') throw at.mismatch(value, goType);
    if (!Number.isInteger(value) || value < min || value > max) throw numberMismatch(value, goType, at);
    return value === 0 ? 0 : value;
  });

/** A number that does not fit its type is named in the error. */
function numberMismatch(value: number | bigint, goType: string, at: Cursor): Error {
  const error = at.mismatch(value, goType);
  if (typeof value === 'number' && !Number.isInteger(value)) return error;
  return at.error(
    error.message.slice(at.prefix.length + 2).replace('unmarshal number', `unmarshal number ${BigInt(value)}`),
  );
}

const float = (goType: string): Reader =>
  scalar(goType, 0, (value, at) => {
    if (typeof value === 'bigint') return Number(value);
    if (typeof value !== 'number') throw at.mismatch(value, goType);
    return value;
  });

const string: Reader = scalar('string', '', (value, at) => {
  if (typeof value !== 'string') throw at.mismatch(value, 'string');
  return value;
});

const time = (normal: (text: string) => string | null): Reader =>
  scalar(
    'v1.Time',
    null,
    (value, at) => {
      if (typeof value !== 'string') throw at.mismatch(value, 'string');
      try {
        return normal(value);
      } catch (error) {
        throw error instanceof TimeError ? at.error(error.message) : error;
      }
    },
    'struct',
  );

const quantity: Reader = scalar(
  'resource.Quantity',
  '0',
  (value, at) => {
    try {
      return canonicalQuantity(typeof value === 'string' ? value.trim() : quantityText(value));
    } catch (error) {
      throw error instanceof QuantityError ? at.error(error.message) : error;
    }
  },
  'struct',
);

/** JSON numbers are quantities too; anything else becomes a text that is none. */
const quantityText = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'bigint' ? String(value) : 'not a quantity';

const wellFormedBase64 = /^[A-Za-z0-9+/]*={0,2}$/;

const bytes: Reader = scalar(
  '[]uint8',
  null,
  (value, at) => {
    if (typeof value !== 'string') throw at.mismatch(value, '[]uint8');
    const text = value.includes('\n') || value.includes('\r') ? value.replace(/[\r\n]/g, '') : value;
    if (text.length % 4 !== 0 || !wellFormedBase64.test(text)) throw at.error(base64Error(value));
    return text.endsWith('=') ? text.slice(0, -4) + Buffer.from(text.slice(-4), 'base64').toString('base64') : text;
  },
  'value',
);

function base64Error(text: string): string {
  const bad = text.search(/[^A-Za-z0-9+/\r\n]/);
  const at = bad >= 0 ? bad : text.length - (text.length % 4);
  return `illegal base64 data at input byte ${at}`;
}

const intOrString: Reader = scalar(
  'intstr.IntOrString',
  0,
  (value, at) => (typeof value === 'string' ? value : (int32 as Reader).read(value, at)),
  'struct',
);

function tooDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left <= 0) return true;
  for (const member of Object.values(value)) if (tooDeep(member, left - 1)) return true;
  return false;
}

/** JSON that the schema does not look into. */
const raw: Reader = scalar(
  'runtime.RawExtension',
  null,
  (value, at) => {
    if (tooDeep(value, maxDepth - at.depth)) throw at.error(`exceeded max depth of ${maxDepth}`);
    return value;
  },
  'struct',
);

/** The greatest number below 2^63. */
const maxInt64 = 2 ** 63 - 1024;

const int32 = integer('int32', -(2 ** 31), 2 ** 31 - 1);

/** Readers by the fact tables' scalar names. Whole numbers beyond 2^53 come as bigints, as `parseJson` reads them. */
export const scalarReaders: Record<string, Reader> = {
  string,
  boolean: scalar('bool', false, (value, at) => {
    if (typeof value !== 'boolean') throw at.mismatch(value, 'bool');
    return value;
  }),
  int: integer('int', -(2 ** 63), maxInt64),
  int32,
  int64: integer('int64', -(2 ** 63), maxInt64),
  uint32: integer('uint32', 0, 2 ** 32 - 1),
  uint64: integer('uint64', 0, 2 ** 64),
  float: float('float32'),
  double: float('float64'),
  bytes,
  quantity,
  intorstring: intOrString,
  time: time(normalTime),
  microtime: time(normalMicroTime),
  duration: { ...string, zero: () => '0s', shape: 'struct' },
  rawextension: raw,
  fieldsv1: raw,
  json: raw,
  any: raw,
};
