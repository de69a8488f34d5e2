import type { LabelSelector, OwnerReference } from '../api/generated/types.ts';
import { isConflict, isInvalid, isNotFound } from '../api/meta/status-error.ts';
import { groupVersion, type KubeObject, keyOf, keyText, type Resource } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import { matchesSelector } from './label-match.ts';

/** The reference that makes `owner` the managing controller. */
export const controllerReference = (resource: Resource, owner: KubeObject): OwnerReference => ({
  apiVersion: groupVersion(resource),
  kind: resource.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((o) => o.controller);

/** Keys of the owners of `resource` that manage the object: for watches. */
export const controllerKeys =
  (resource: Resource) =>
  (object: KubeObject): string[] => {
    const owner = controllerOf(object);
    if (owner?.kind !== resource.kind || owner.apiVersion !== groupVersion(resource)) return [];
    return [keyText({ namespace: object.metadata.namespace, name: owner.name })];
  };

/** Adds the index `controller` (uid of the managing owner; empty for orphans). */
export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex('controller', (o) => [controllerOf(o)?.uid ?? `orphan/${o.metadata.namespace}`]);
}

export interface Claim<T extends KubeObject, O extends KubeObject> {
  ownerResource: Resource<O>;
  owner: O;
  resource: Resource<T>;
  informer: Informer<T>;
  selector: LabelSelector | undefined;
  /** Asked beside the selector. */
  filter?: (object: T) => boolean;
  /** Set on adoption, taken away on release. */
  finalizer?: string;
  client: Client;
}

/**
 * The objects the owner manages: takes in orphans that its selector matches, lets go of own ones that it matches no more.
 * Before adopting, the owner is read live: a cached owner may be gone already, or going.
 */
export async function claim<T extends KubeObject, O extends KubeObject>(c: Claim<T, O>): Promise<T[]> {
  const { owner, informer, selector } = c;
  const matches = (o: T) => matchesSelector(selector, o.metadata.labels) && c.filter?.(o) !== false;
  const isOwnerGoing = owner.metadata.deletionTimestamp !== undefined;
  const claimed: T[] = [];
  for (const object of informer.index('controller', owner.metadata.uid ?? '')) {
    if (matches(object)) claimed.push(object);
    else if (!isOwnerGoing) await release(c, object);
  }
  if (isOwnerGoing) return claimed;
  const orphans = informer
    .index('controller', `orphan/${owner.metadata.namespace}`)
    .filter((o) => matches(o) && !o.metadata.deletionTimestamp);
  if (orphans.length === 0) return claimed;
  const live = await c.client.get(c.ownerResource, keyOf(owner));
  if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp) return claimed;
  for (const orphan of orphans) claimed.push(...(await adopt(c, orphan)));
  return claimed;
}

async function adopt<T extends KubeObject, O extends KubeObject>(c: Claim<T, O>, orphan: T): Promise<T[]> {
  const { ownerReferences = [], finalizers = [] } = orphan.metadata;
  const added = c.finalizer === undefined ? {} : { finalizers: [...new Set([...finalizers, c.finalizer])] };
  const references = [...ownerReferences, controllerReference(c.ownerResource, c.owner)];
  try {
    return [await patchMeta(c, orphan, { ownerReferences: references, ...added })];
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return [];
    throw error;
  }
}

async function release<T extends KubeObject, O extends KubeObject>(c: Claim<T, O>, object: T): Promise<void> {
  const { ownerReferences = [], finalizers = [] } = object.metadata;
  const references = ownerReferences.filter((o) => o.uid !== c.owner.metadata.uid);
  const kept = finalizers.filter((f) => f !== c.finalizer);
  const taken = kept.length === finalizers.length ? {} : { finalizers: kept.length > 0 ? kept : null };
  try {
    await patchMeta(c, object, { ownerReferences: references.length > 0 ? references : null, ...taken });
  } catch (error) {
    if (!isNotFound(error) && !isInvalid(error) && !isConflict(error)) throw error;
  }
}

function patchMeta<T extends KubeObject, O extends KubeObject>(c: Claim<T, O>, object: T, change: object): Promise<T> {
  const { uid, resourceVersion } = object.metadata;
  return c.client.patch(c.resource, keyOf(object), {
    type: 'merge',
    body: { metadata: { uid, resourceVersion, ...change } },
  });
}
