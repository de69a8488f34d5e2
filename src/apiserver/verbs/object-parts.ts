import { equalJson, type JsonObject, ownMember } from '../../api/meta/json.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Endpoint } from '../endpoint.ts';
import { isEmpty } from '../object-codec.ts';
import { resetPaths } from '../field-managers.ts';
import type { ApiRequest } from '../request.ts';

const rootFields = new Set(['kind', 'apiVersion', 'metadata', 'status']);

/**
 * Whether two objects say the same outside metadata and status: what `generation` counts. A status that is written with the
 * object, because the kind has no subresource for it, counts.
 */
export function sameButMeta({ kind }: Endpoint, a: KubeObject, b: KubeObject): boolean {
  const left = a as unknown as JsonObject;
  const right = b as unknown as JsonObject;
  const isOther = (field: string) =>
    (!rootFields.has(field) || (field === 'status' && !kind.statusSubresource)) &&
    !equalJson(left[field], right[field]);
  for (const field in left) if (isOther(field)) return false;
  for (const field in right) if (left[field] === undefined && isOther(field)) return false;
  return true;
}

/** What no update may take from the client: the server's own metadata, and the half that the path is not about. */
export function keepOldParts(request: ApiRequest, object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  metadata.uid ||= old.metadata.uid;
  metadata.creationTimestamp ||= old.metadata.creationTimestamp;
  metadata.deletionTimestamp ||= old.metadata.deletionTimestamp;
  metadata.deletionGracePeriodSeconds ??= old.metadata.deletionGracePeriodSeconds;
  metadata.generation = old.metadata.generation;
  metadata.generateName = old.metadata.generateName;
  const next = object as unknown as JsonObject;
  const before = old as unknown as JsonObject;
  const { kind } = request.endpoint;
  if (request.subresource === 'status') {
    for (const field in next) if (!rootFields.has(field)) next[field] = before[field];
    for (const field in before) if (!rootFields.has(field)) next[field] = before[field];
    keepMetaOfStatus(request.endpoint, object, old);
  } else if (request.subresource === '' && kind.statusSubresource && kind.statusField) {
    next.status = before.status;
  }
  if (narrow[request.subresource]) keepAllBut(narrow[request.subresource] as string[], next, before);
}

/** Subresources through which only one member can be written. */
const narrow: Record<string, string[]> = {
  finalize: ['spec', 'finalizers'],
  approval: ['status', 'conditions'],
  ephemeralcontainers: ['spec', 'ephemeralContainers'],
};

function keepAllBut([section = '', member = '']: string[], next: JsonObject, before: JsonObject): void {
  const wanted = (next[section] as JsonObject | undefined)?.[member];
  for (const field of Object.keys(next))
    if (!['kind', 'apiVersion', 'metadata'].includes(field)) next[field] = before[field];
  next[section] = { ...(before[section] as JsonObject), [member]: wanted };
}

/** The metadata that a kind's status strategy resets (facts: resetFieldsOther). */
function keepMetaOfStatus(endpoint: Endpoint, object: KubeObject, old: KubeObject): void {
  const target = object.metadata as unknown as JsonObject;
  const source = old.metadata as unknown as JsonObject;
  for (const path of resetPaths(endpoint.kind, 'status')) {
    if (path === 'metadata') object.metadata = { ...old.metadata, managedFields: object.metadata.managedFields };
    else if (path.startsWith('metadata.')) target[path.slice(9)] = source[path.slice(9)];
  }
}

/** Whether storing `object` would change nothing: then no revision is made. */
export function isUnchanged(object: KubeObject, old: KubeObject): boolean {
  return (
    sameMembers(object, old, 'metadata') && sameMembers(object.metadata, old.metadata, 'resourceVersion', isNothing)
  );
}

/** Stored metadata has no empty members, a client's may. */
const isNothing = (value: unknown): boolean => value === undefined || isEmpty(value);

/** `equalJson` of two objects without one of their members; what is absent, by `isAbsent`, is absent on both sides. */
function sameMembers(
  a: object,
  b: object,
  except: string,
  isAbsent: (value: unknown) => boolean = (value) => value === undefined,
): boolean {
  const [left, right] = [a as JsonObject, b as JsonObject];
  for (const name in left) {
    if (name === except || isAbsent(left[name])) continue;
    if (!equalJson(left[name], ownMember(right, name))) return false;
  }
  for (const name in right)
    if (name !== except && !isAbsent(right[name]) && isAbsent(ownMember(left, name))) return false;
  return true;
}
