import { Uint } from './ast.ts';
import { EvaluationError } from './errors.ts';
import { Duration, Timestamp } from './time.ts';
import { CelList, CelMap, Optional, Struct, typeOfValue, type Value } from './values.ts';

/** A bigint only where a number would lose digits. */
const whole = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** A value as JSON. Throws `EvaluationError` for one that JSON does not have. */
export function jsonOf(value: Value): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return whole(value);
  if (value instanceof Uint) return whole(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelList) return value.values().map(jsonOf);
  if (value instanceof CelMap) return mapOf(value);
  if (value instanceof Struct) return value.json;
  if (value instanceof Timestamp || value instanceof Duration) return String(value);
  if (value instanceof Optional && value.value !== undefined) return jsonOf(value.value);
  throw new EvaluationError(`type conversion error from '${typeOfValue(value)}' to 'google.protobuf.Value'`);
}

function mapOf(map: CelMap): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const key of map.keys()) {
    if (typeof key !== 'string') throw new EvaluationError(`unsupported key type '${typeOfValue(key)}'`);
    Object.defineProperty(object, key, {
      value: jsonOf(map.get(key) as Value),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}
