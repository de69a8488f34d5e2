import { toJson } from '../../base/lossless-json.ts';
import type { Schema } from '../schema/schema.ts';
import { goText, isJsonObject, type JsonObject, ownMember, setMember } from './json.ts';
import { badRequest, StatusError } from './status-error.ts';
import { deletedBy, inOrder, withOrder } from './strategic-order.ts';

/** Where in the schema a value stands; an empty type is unknown: everything below merges like a JSON merge patch. */
interface Place {
  schema: Schema;
  type: string;
}

/** How a member merges. */
interface Member extends Place {
  merge: boolean;
  replace: boolean;
  key: string;
}

const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/**
 * What a strategic merge patch makes of a document: like a JSON merge patch, except that lists with a merge key or of
 * primitives merge by element, and that directives replace, delete and order. Both stay as they are. Members that the
 * schema does not know merge plainly. Throws in Kubernetes' words: BadRequest, or a 500 without reason.
 * Source: the API conventions on strategic merge patch.
 */
export function applyStrategicMerge(at: Place, document: object, patch: Record<string, unknown>): object {
  return mergeMap(at, document as JsonObject, patch);
}

/** What Kubernetes answers when it did not foresee the error. */
const unforeseen = (message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });

const unknownDirective = (directive: unknown, patch: JsonObject): StatusError =>
  unforeseen(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);

function memberOf({ schema, type }: Place, name: string): Member {
  if (schema.kindOf(type) === 'map') {
    return { schema, type: schema.element(type) ?? '', merge: false, replace: false, key: '' };
  }
  const field = schema.fieldOf(type, name);
  const strategies = field?.ps?.split(',') ?? [];
  return {
    schema,
    type: field?.t ?? '',
    merge: strategies.includes('merge'),
    replace: strategies.includes('replace'),
    key: field?.pk ?? '',
  };
}

function mergeMap(at: Place, original: JsonObject, patch: JsonObject): JsonObject {
  if (Object.hasOwn(patch, patchDirective)) return directed(patch);
  const result: JsonObject = retained(original, patch);
  const ordered = applyOrders(at, result, patch);
  for (const name of Object.keys(patch)) {
    if (name === retainKeysDirective || name.startsWith(orderPrefix) || ordered.has(name)) continue;
    if (name.startsWith(deletePrefix)) continue;
    const value = patch[name];
    if (value === null) delete result[name];
    else setMember(result, name, mergeValue(memberOf(at, name), ownMember(result, name), value));
  }
  return result;
}

/** A map that the patch replaces or empties. */
function directed(patch: JsonObject): JsonObject {
  const { [patchDirective]: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  throw unknownDirective(directive, patch);
}

/** The original without the members that `$retainKeys` leaves out, as a copy. */
function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch[retainKeysDirective];
  if (keep === undefined) return { ...original };
  const invalid = badRequest('invalid patch format of retainKeys directive');
  if (!Array.isArray(keep)) throw invalid;
  for (const [name, value] of Object.entries(patch)) {
    if (value !== null && !name.startsWith('$') && !keep.includes(name)) throw invalid;
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => keep.includes(name)));
}

/** The list directives; gives the members that are done with. Deletions come before additions. */
function applyOrders(at: Place, result: JsonObject, patch: JsonObject): Set<string> {
  const done = new Set<string>();
  for (const [directive, value] of Object.entries(patch)) {
    if (directive.startsWith(deletePrefix)) {
      const name = directive.slice(deletePrefix.length);
      if (!Array.isArray(value)) throw badRequest('invalid patch format of primitive list');
      if (Array.isArray(ownMember(result, name))) result[name] = deletedBy(result[name] as unknown[], value);
    }
  }
  for (const [directive, order] of Object.entries(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const name = directive.slice(orderPrefix.length);
    if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list');
    done.add(name);
    applyOrder({ member: memberOf(at, name), result, patch, name }, order);
  }
  return done;
}

function applyOrder(
  { member, result, patch, name }: { member: Member; result: JsonObject; patch: JsonObject; name: string },
  order: unknown[],
): void {
  const original = ownMember(result, name);
  const change = ownMember(patch, name);
  if (change === null) {
    delete result[name];
    return;
  }
  if (change !== undefined && !Array.isArray(change)) {
    setMember(result, name, change);
    return;
  }
  if (change === undefined && !Array.isArray(original)) return;
  if (change) checkOrder(change, order, member.key);
  const before = Array.isArray(original) ? original : [];
  const merged = change ? mergeList({ ...member, merge: true }, before, change) : before;
  setMember(result, name, withOrder({ items: merged, wanted: order, live: before, key: member.key }));
}

/** What the patch adds or changes must stand in the order list, in the same order. */
function checkOrder(change: unknown[], order: unknown[], key: string): void {
  const kept = change.filter((item) => !(isJsonObject(item) && item[patchDirective] === 'delete'));
  if (inOrder(kept, order, key)) return;
  throw unforeseen(
    `The order in patch list:\n${goText(change)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
  );
}

function mergeValue(member: Member, original: unknown, patch: unknown): unknown {
  if (isJsonObject(patch)) {
    if (member.replace) return patch;
    return mergeMap(member, isJsonObject(original) ? original : {}, patch);
  }
  if (!Array.isArray(patch)) return patch;
  if (!member.merge) return patch;
  return mergeList(member, Array.isArray(original) ? original : [], patch);
}

function mergeList(member: Member, original: unknown[], patch: unknown[]): unknown[] {
  if ([...patch, ...original].some(isJsonObject)) return mergeMaps(member, original, patch);
  const merged = [...new Set([...original, ...patch])];
  return withOrder({ items: merged, wanted: patch, live: original, key: '' });
}

function mergeMaps(member: Member, original: unknown[], patch: unknown[]): unknown[] {
  const { key } = member;
  if (!key) throw unforeseen(`cannot merge lists without merge key for type ${member.schema.element(member.type)}`);
  const { start, changes, replaced } = withoutDirectives(key, original as JsonObject[], patch as JsonObject[]);
  if (replaced) return changes;
  const place = { schema: member.schema, type: member.schema.element(member.type) ?? '' };
  const merged = [...start];
  const at = new Map<string, number>();
  start.forEach((item, i) => {
    const name = toJson(item?.[key]);
    if (!at.has(name)) at.set(name, i);
  });
  for (const change of changes) {
    const name = toJson(keyValue(change, key));
    const index = at.get(name) ?? merged.length;
    at.set(name, index);
    merged[index] = mergeMap(place, merged[index] ?? {}, change);
  }
  return withOrder({ items: merged, wanted: changes, live: start, key });
}

/** Deletes what elements with `$patch: delete` name; an element with `$patch: replace` drops the original. */
function withoutDirectives(
  key: string,
  original: JsonObject[],
  patch: JsonObject[],
): { start: JsonObject[]; changes: JsonObject[]; replaced: boolean } {
  const deleted = new Set<string>();
  let replaced = false;
  const changes: JsonObject[] = [];
  for (const item of patch) {
    const directive = item?.[patchDirective];
    if (directive === undefined) changes.push(item);
    else if (directive === 'replace') replaced = true;
    else if (directive === 'delete') deleted.add(toJson(keyValue(item, key)));
    else if (directive === 'merge') throw unforeseen('merging lists cannot yet be specified in the patch');
    else throw unknownDirective(directive, item);
  }
  const start = deleted.size > 0 ? original.filter((item) => !deleted.has(toJson(item?.[key]))) : original;
  return { start, changes, replaced };
}

function keyValue(item: unknown, key: string): unknown {
  const value = isJsonObject(item) ? ownMember(item, key) : undefined;
  if (value === undefined) {
    throw unforeseen(`map: ${goText(item)} does not contain declared merge key: ${key}`);
  }
  return value;
}
