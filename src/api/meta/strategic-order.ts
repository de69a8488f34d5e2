import { equalJson, isJsonObject } from './json.ts';

/** Elements of maps are the same when their merge keys are, primitives when they are equal. */
const same = (a: unknown, b: unknown, key: string): boolean =>
  isJsonObject(a) && isJsonObject(b) && key ? equalJson(a[key], b[key]) : equalJson(a, b);

const indexIn = (list: unknown[], item: unknown, key: string): number =>
  list.findIndex((other) => same(item, other, key));

/** Whether the items stand in `order` one after the other, with others between them perhaps. */
export function inOrder(items: unknown[], order: unknown[], key: string): boolean {
  let next = 0;
  for (const item of order) if (next < items.length && same(items[next], item, key)) next++;
  return next === items.length;
}

/** A list of primitives without those that a patch deletes. */
export const deletedBy = (list: unknown[], deleted: unknown[]): unknown[] =>
  list.filter((item) => !deleted.some((other) => equalJson(item, other)));

/**
 * Puts a merged list in order: what the writer names stands as the writer wants it, the rest stays as it was, and where
 * both are interleaved, an element that the writer does not name goes before the first named one that it preceded.
 */
export function withOrder(list: { items: unknown[]; wanted: unknown[]; live: unknown[]; key: string }): unknown[] {
  const { items, wanted, live, key } = list;
  const ranked = items.map((item) => ({ item, wanted: indexIn(wanted, item, key), live: indexIn(live, item, key) }));
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
