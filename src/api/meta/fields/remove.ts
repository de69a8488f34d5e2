import { difference, type FieldSet, intersection, isMember, union } from '../field-set.ts';
import type { JsonObject } from '../json.ts';
import { setMember } from '../json.ts';
import {
  elementOf,
  fieldsOf,
  isListShape,
  isObjectShape,
  type ListShape,
  memberOf,
  stepOf,
  withStructs,
} from './members.ts';
import type { Shape } from './shape.ts';

/**
 * The value without the members and elements in the set. An object or list of which nothing is left becomes null, so
 * that it stays visible that it was there.
 */
export function removeFields(shape: Shape, value: unknown, set: FieldSet | undefined): unknown {
  if (!set) return value;
  if (isObjectShape(shape, value)) return removeMembers(shape, value, set);
  if (isListShape(shape) && Array.isArray(value)) return removeItems(shape, value, set);
  return value;
}

function removeMembers(shape: Shape, value: JsonObject, set: FieldSet): JsonObject | null {
  const kept: JsonObject = {};
  let size = 0;
  for (const name of Object.keys(value)) {
    const member = memberOf(shape, name);
    const below = set[member.step];
    if (below && isMember(below)) continue;
    setMember(kept, name, removeFields(member.shape, value[name], below));
    size++;
  }
  return size > 0 ? kept : null;
}

function removeItems(shape: ListShape, list: unknown[], set: FieldSet): unknown[] | null {
  const kept: unknown[] = [];
  for (const item of list) {
    const below = set[stepOf(shape, item)];
    if (!below || !isMember(below)) kept.push(removeFields(elementOf(shape), item, below));
  }
  return kept.length > 0 ? kept : null;
}

/**
 * A merged object without what its applier no longer applies: of what it applied last, everything that nobody owns now
 * (its new configuration included).
 */
export function pruneFields(
  shape: Shape,
  merged: unknown,
  sets: { last: FieldSet | undefined; owned: FieldSet | undefined },
): unknown {
  const { last, owned } = sets;
  if (!last) return merged;
  const lastAll = withStructs(shape, last);
  const all = withStructs(shape, fieldsOf(shape, merged));
  const afterLast = withStructs(shape, fieldsOf(shape, removeFields(shape, merged, lastAll)));
  const unowned = difference(all, union(afterLast, withStructs(shape, owned)));
  const left = withStructs(shape, fieldsOf(shape, removeFields(shape, merged, unowned)));
  return removeFields(shape, merged, intersection(difference(all, left), lastAll));
}
