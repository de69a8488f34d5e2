import { toJson } from '../../base/lossless-json.ts';
import { isJsonObject, ownMember } from '../meta/json.ts';
import { itemsOf, type Structural } from './schema.ts';

/** The value that stood in the same place before an update; it can be undefined or null like any value. */
export interface Before {
  value: unknown;
}

/** What a member was before. */
export function memberBefore(before: Before | undefined, name: string): Before | undefined {
  if (!before || !isJsonObject(before.value)) return undefined;
  const value = ownMember(before.value, name);
  return value === undefined ? undefined : { value };
}

/**
 * What the elements of a list were before. Only elements of lists with keys have an identity: of other lists nobody can say
 * which element became which.
 */
export function elementsBefore(schema: Structural, before: Before | undefined): (item: unknown) => Before | undefined {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (!before || !Array.isArray(before.value) || schema['x-kubernetes-list-type'] !== 'map') return () => undefined;
  const defaults = itemsOf(schema)?.properties ?? {};
  const keyOf = (item: unknown): string =>
    toJson(keys.map((key) => (isJsonObject(item) ? (ownMember(item, key) ?? defaults[key]?.default ?? null) : null)));
  const known = new Map(before.value.map((item) => [keyOf(item), item as unknown]));
  return (item) => {
    const key = keyOf(item);
    return known.has(key) ? { value: known.get(key) } : undefined;
  };
}
