import { conflict, invalid, notFound, staleObject } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Version } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import { recordManagers } from '../field-managers.ts';
import { canonical } from '../object-codec.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { commitObject, validateChanged } from './commit.ts';
import { createObject } from './create.ts';
import { isUnchanged, keepOldParts, sameButMeta } from './object-parts.ts';
import { checkIdentity, checkWriteOptions, decodeObject, parseResourceVersion } from './request-body.ts';
import { writesWithObject, writesWithRemoval } from './side-writes.ts';
import { served } from './stored.ts';

/** How often a write without a pinned version follows an object that moves under it. */
const maxAttempts = 5;

/** What a write starts from: the newest version, its frozen object. */
export interface Current {
  version: Version;
  object: KubeObject;
}

/** PUT of an object or of its status. */
export async function update(context: ApiContext, request: ApiRequest): Promise<Answer> {
  checkWriteOptions(request);
  const { endpoint } = request;
  const sent = decodeSent(context, request);
  checkIdentity(request, sent);
  if (!context.store.head(endpoint.resource, storeKey(request))) {
    if (!endpoint.kind.createOnUpdate || request.subresource) throw notFound(endpoint.kind, request.name);
    if (sent.metadata.resourceVersion) throw notFound(endpoint.kind, request.name);
    return createObject(context, request, sent);
  }
  let first = true;
  return modify(context, request, () => {
    if (first) {
      first = false;
      return sent;
    }
    // A second attempt needs an object of its own: admission has changed the first.
    const again = decodeObject(context, { ...request, warn: () => {} }, request.body);
    checkIdentity(request, again);
    return again;
  });
}

/**
 * The object that was sent. A part of this process sends back who owns what as it has read it: the stored list itself, which
 * needs no reading.
 */
function decodeSent(context: ApiContext, request: ApiRequest): KubeObject {
  const { endpoint, body } = request;
  const { metadata } = (body ?? {}) as Partial<KubeObject>;
  const sent = metadata?.managedFields;
  if (!sent || !Object.isFrozen(sent)) return decodeObject(context, request, body);
  const head = context.store.head(endpoint.resource, storeKey(request));
  if (!head || context.objects.read(head).metadata.managedFields !== sent) return decodeObject(context, request, body);
  const rest = { ...(body as KubeObject), metadata: { ...metadata, managedFields: undefined } };
  const object = decodeObject(context, request, rest);
  object.metadata.managedFields = sent;
  return object;
}

/**
 * The one way an object changes: `transform` gives the wanted object (the writer's own copy), everything that is true for
 * all updates follows. Without asynchronous admission all of it is one turn, so nothing can come between. Between its steps
 * it awaits also what is there: the writes of one turn then go step by step, as behind a `TurnGate`.
 */
export async function modify(
  context: ApiContext,
  request: ApiRequest,
  transform: (current: Current) => KubeObject,
): Promise<Answer> {
  const { endpoint, subresource } = request;
  const { dryRun } = checkWriteOptions(request);
  const key = storeKey(request);
  for (let attempt = 1; ; attempt++) {
    const version = context.store.head(endpoint.resource, key);
    if (!version) throw notFound(endpoint.kind, request.name);
    const view = await served(endpoint, version);
    const old = context.objects.read<KubeObject>(view);
    const object = transform({ version: view, object: old });
    checkPreconditions(request, object, old);
    const admission = { verb: 'update' as const, request, object, old, dryRun };
    recordManagers(context, request, { object, old });
    await context.admission.admit(admission);
    keepOldParts(request, object, old);
    if (subresource === 'status') endpoint.strategy.prepareForStatusUpdate?.(object, old);
    else if (subresource === '') endpoint.strategy.prepareForUpdate?.(object, old);
    else endpoint.strategy.prepareThrough?.[subresource]?.(object, old);
    // A pod that has got its node is as it was asked for.
    const isCounted = endpoint.kind.generation && subresource !== 'binding';
    if (isCounted && !sameButMeta(endpoint, object, old)) {
      object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    }
    validateChanged(endpoint, { object, old, subresource });
    await context.admission.validate(admission);
    const stored = await endpoint.representation.store(object);
    if (context.store.head(endpoint.resource, key) !== version) {
      if (attempt < maxAttempts) continue;
      throw staleObject(endpoint.kind, request.name);
    }
    const isKept = endpoint.representation.isCurrent(version) && !context.store.isStale(version);
    if (isKept && isUnchanged(object, old)) return { type: 'version', code: 200, version: view };
    if (isFinished(object)) return finish(context, request, { key, object, old, dryRun });
    const also = writesWithObject(context, endpoint, { object, old, dryRun });
    return commitObject(context, request, { key, object, stored, dryRun, code: 200, also });
  }
}

function checkPreconditions(request: ApiRequest, object: KubeObject, old: KubeObject): void {
  const { kind } = request.endpoint;
  const { metadata } = object;
  if (metadata.uid && metadata.uid !== old.metadata.uid && request.verb === 'update') {
    throw conflict(
      kind,
      request.name,
      `StorageError: invalid object, Code: 4, Key: /registry/${request.endpoint.resource}/${storeKey(request)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (metadata.resourceVersion) {
    parseResourceVersion(metadata.resourceVersion, '');
    if (metadata.resourceVersion !== old.metadata.resourceVersion) throw staleObject(kind, request.name);
  } else if (!kind.unconditionalUpdate && request.verb === 'update') {
    // Kubernetes names the resource, not the kind, in this message alone.
    throw invalid({ group: kind.group, kind: kind.resource }, request.name, [
      {
        type: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: 'Invalid value: 0: must be specified for an update',
      },
    ]);
  } else {
    // Unconditional: it is meant for whatever version is there.
    metadata.resourceVersion = old.metadata.resourceVersion;
  }
}

/** A deleted object whose last finalizer has just been taken away. */
function isFinished(object: KubeObject): boolean {
  const { metadata } = object;
  const namespaceFinalizers = (object as { spec?: { finalizers?: string[] } }).spec?.finalizers;
  return (
    metadata.deletionTimestamp !== undefined &&
    (metadata.finalizers ?? []).length === 0 &&
    (metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    (object.kind !== 'Namespace' || (namespaceFinalizers ?? []).length === 0)
  );
}

/** Takes a finished object away; the answer is the object as the writer left it, at the version that was there. */
async function finish(
  context: ApiContext,
  request: ApiRequest,
  write: { key: string; object: KubeObject; old: KubeObject; dryRun: boolean },
): Promise<Answer> {
  const { endpoint } = request;
  const object = canonical(endpoint, write.object, write.old.metadata.resourceVersion);
  if (!write.dryRun) {
    const released = writesWithRemoval(context, endpoint, write.object);
    await context.store.commit([{ remove: { resource: endpoint.resource, key: write.key } }, ...released]);
  }
  return { type: 'object', code: 200, object };
}
