import { duplicate } from '../meta/field-error.ts';
import { isJsonObject, ownMember } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import { itemsOf, memberSchema, type Structural } from './schema.ts';

/** Elements of sets, and keys of lists with keys, occur once. */
export function validateListTypes(schema: Structural | undefined, value: unknown, path = ''): FieldError[] {
  if (!schema) return [];
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const below = items ? value.flatMap((item, i) => validateListTypes(items, item, `${path}[${i}]`)) : [];
    return [...duplicates(schema, value, path), ...below];
  }
  if (!isJsonObject(value)) return [];
  return Object.keys(value).flatMap((name) =>
    validateListTypes(memberSchema(schema, name), value[name], path ? `${path}.${name}` : name),
  );
}

function duplicates(schema: Structural, list: unknown[], path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const identity = type === 'set' ? item : keysOf(schema, item);
    const text = canonicalText(identity);
    const again = seen.has(text);
    seen.add(text);
    return again ? [duplicate(`${path}[${i}]`, identity)] : [];
  });
}

function keysOf(schema: Structural, item: unknown): Record<string, unknown> {
  const keys: Record<string, unknown> = {};
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const value = isJsonObject(item) ? ownMember(item, key) : undefined;
    if (value !== undefined) keys[key] = value;
  }
  return keys;
}

/** The same text for equal values. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isJsonObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
