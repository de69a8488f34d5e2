import { toJson } from '../../base/lossless-json.ts';
import { isJsonObject } from './json.ts';

/** What an element is known by: the merge key's value of a map, the value itself of everything else. */
const nameOf = (item: unknown, key: string): string => toJson(isJsonObject(item) && key ? [item[key]] : item) ?? '';

/** Where each element stands first in a list. */
function positions(list: unknown[], key: string): Map<string, number> {
  const found = new Map<string, number>();
  list.forEach((item, i) => {
    const name = nameOf(item, key);
    if (!found.has(name)) found.set(name, i);
  });
  return found;
}

/** Whether the items stand in `order` one after the other, with others between them perhaps. */
export function inOrder(items: unknown[], order: unknown[], key: string): boolean {
  let next = 0;
  for (const item of order) if (next < items.length && nameOf(items[next], key) === nameOf(item, key)) next++;
  return next === items.length;
}

/** A list of primitives without those that a patch deletes. */
export function deletedBy(list: unknown[], deleted: unknown[]): unknown[] {
  const gone = new Set(deleted);
  return list.filter((item) => !gone.has(item));
}

/**
 * Puts a merged list in order: what the writer names stands as the writer wants it, the rest stays as it was, and where
 * both are interleaved, an element that the writer does not name goes before the first named one that it preceded.
 */
export function withOrder(list: { items: unknown[]; wanted: unknown[]; live: unknown[]; key: string }): unknown[] {
  const { items, wanted, live, key } = list;
  const wantedAt = positions(wanted, key);
  const liveAt = positions(live, key);
  const ranked = items.map((item) => {
    const name = nameOf(item, key);
    return { item, wanted: wantedAt.get(name) ?? -1, live: liveAt.get(name) ?? -1 };
  });
  const named = ranked.filter((entry) => entry.wanted >= 0).sort((a, b) => a.wanted - b.wanted);
  const others = ranked.filter((entry) => entry.wanted < 0).sort((a, b) => a.live - b.live);
  const result: unknown[] = [];
  let next = 0;
  for (const entry of named) {
    for (let other = others[next]; other && isBefore(other, entry); other = others[++next]) result.push(other.item);
    result.push(entry.item);
  }
  return [...result, ...others.slice(next).map((entry) => entry.item)];
}

const isBefore = (a: { live: number }, b: { live: number }): boolean => a.live >= 0 && b.live >= 0 && a.live < b.live;
