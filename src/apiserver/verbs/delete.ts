import type { DeleteOptions, Namespace, Pod } from '../../api/generated/types.ts';
import { conflict, notFound } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Version } from '../../store/version.ts';
import { type ApiContext, timestamp } from '../context.ts';
import { canonical } from '../object-codec.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { deleteOptions } from './delete-options.ts';
import { writesWithRemoval } from './side-writes.ts';
import { served } from './stored.ts';
import { cloneJson } from '../../api/meta/json.ts';

/** DELETE of one object. */
export async function deleteObject(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const options = deleteOptions(request);
  const { endpoint } = request;
  const key = storeKey(request);
  const version = context.store.head(endpoint.resource, key);
  if (!version) throw notFound(endpoint.kind, request.name);
  const old = context.objects.read<KubeObject>(await served(endpoint, version));
  checkPreconditions(request, options, old);
  const dryRun = options.dryRun.length > 0;
  const admission = { verb: 'delete' as const, request, object: undefined, old, dryRun };
  await context.admission.admit(admission);
  await context.admission.validate(admission);
  // Somebody may have written it meanwhile: the decision is made on what is there now.
  if (context.store.head(endpoint.resource, key) !== version) return deleteObject(context, request);
  const marked = markDeleted(context, endpoint, { old: context.objects.read(version), options });
  if (marked === 'unchanged') return { type: 'version', code: 200, version: await served(endpoint, version) };
  if (marked === 'gone') return remove(context, request, { key, version, old, dryRun });
  if (dryRun)
    return { type: 'object', code: 200, object: canonical(endpoint, marked, marked.metadata.resourceVersion) };
  const put = context.objects.put(endpoint, key, marked);
  const [stored] = await context.store.commit([{ put }]);
  return { type: 'version', code: 200, version: await served(endpoint, stored as Version) };
}

/** DELETE of a collection: every object that the selectors match, one after the other. */
export async function deleteMatching(context: ApiContext, request: ApiRequest, versions: Version[]): Promise<void> {
  for (const version of versions) {
    const slash = version.key.indexOf('/');
    const one: ApiRequest = {
      ...request,
      verb: 'delete',
      namespace: slash < 0 ? '' : version.key.slice(0, slash),
      name: version.key.slice(slash + 1),
    };
    await deleteObject(context, one).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  }
}

const isGone = (error: unknown): boolean => (error as { reason?: string }).reason === 'NotFound';

function checkPreconditions(request: ApiRequest, options: DeleteOptions, old: KubeObject): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  // Kubernetes names the kind, not the resource, in this message alone.
  const kind = { group: request.endpoint.kind.group, resource: request.endpoint.kind.kind };
  if (uid && uid !== old.metadata.uid) {
    throw conflict(
      kind,
      request.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(
      kind,
      request.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** RFC 3339 has four digits for a year. */
const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59);

/** What a deletion makes of an object: nothing new, nothing at all, or the object with its end marked. */
function markDeleted(
  context: ApiContext,
  endpoint: Endpoint,
  { old, options }: { old: KubeObject; options: DeleteOptions },
): 'unchanged' | 'gone' | KubeObject {
  if (endpoint.resource === 'namespaces') return markNamespace(context, old as Namespace);
  if (endpoint.strategy.markDeleted) return markAsKind(context, endpoint, old);
  const grace = gracePeriod(endpoint, old, options);
  const finalizers = finalizersAfter(endpoint, old, options);
  if (grace === 0 && finalizers.length === 0) return 'gone';
  const { metadata } = old;
  const already = metadata.deletionTimestamp !== undefined;
  const shorter = already && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  if (already && !shorter && finalizers.length === (metadata.finalizers ?? []).length) return 'unchanged';
  const deadline = timestamp(Math.min(context.clock.now() + grace * 1000, lastTimeMs));
  return {
    ...old,
    metadata: {
      ...metadata,
      finalizers,
      deletionTimestamp: already && !shorter ? metadata.deletionTimestamp : deadline,
      deletionGracePeriodSeconds: already && !shorter ? metadata.deletionGracePeriodSeconds : grace,
      generation: metadata.generation && !already ? metadata.generation + 1 : metadata.generation,
    },
  };
}

/** An object whose kind has its own way to end. */
function markAsKind(context: ApiContext, { strategy }: Endpoint, old: KubeObject): 'unchanged' | 'gone' | KubeObject {
  if (old.metadata.deletionTimestamp) return old.metadata.finalizers?.length ? 'unchanged' : 'gone';
  const object = cloneJson(old);
  strategy.markDeleted?.(object, timestamp(context.clock.now()));
  return object;
}

/** A namespace ends in two steps: it terminates, and goes when its content and its finalizers are gone. */
function markNamespace(context: ApiContext, old: Namespace): 'unchanged' | 'gone' | KubeObject {
  const finalizers = [...(old.spec.finalizers ?? []), ...(old.metadata.finalizers ?? [])];
  if (old.metadata.deletionTimestamp) return finalizers.length === 0 ? 'gone' : 'unchanged';
  if (finalizers.length === 0) return 'gone';
  const deletionTimestamp = timestamp(context.clock.now());
  return {
    ...old,
    metadata: { ...old.metadata, deletionTimestamp },
    status: { ...old.status, phase: 'Terminating' },
  } as Namespace;
}

/** Seconds until the object may go; only pods that may be running have any. */
function gracePeriod(endpoint: Endpoint, old: KubeObject, options: DeleteOptions): number {
  if (!endpoint.kind.gracefulDelete || endpoint.resource !== 'pods') return 0;
  const pod = old as Pod;
  if (!pod.spec.nodeName || pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') return 0;
  // Whole numbers of 64 bits may come as bigints.
  const wanted = Number(options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
  // A negative period means the shortest that still is one.
  return wanted < 0 ? 1 : wanted;
}

/** The finalizers by which the garbage collector learns what is to become of dependents. */
function finalizersAfter(endpoint: Endpoint, old: KubeObject, options: DeleteOptions): string[] {
  const present = old.metadata.finalizers ?? [];
  const policy = propagation(endpoint, present, options);
  const kept = present.filter((finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion');
  if (policy === 'Orphan') return [...kept, 'orphan'];
  if (policy === 'Foreground') return [...kept, 'foregroundDeletion'];
  return policy === 'Background' ? kept : present;
}

function propagation(endpoint: Endpoint, present: string[], options: DeleteOptions): string {
  if (options.propagationPolicy) return options.propagationPolicy;
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  if (present.includes('orphan') || present.includes('foregroundDeletion')) return 'kept';
  return endpoint.kind.gcDefault === 'OrphanDependents' ? 'Orphan' : 'kept';
}

async function remove(
  context: ApiContext,
  request: ApiRequest,
  { key, version, old, dryRun }: { key: string; version: Version; old: KubeObject; dryRun: boolean },
): Promise<Answer> {
  const { endpoint } = request;
  const { resource } = endpoint;
  if (endpoint.kind.gracefulDelete) return end(context, request, { key, old, dryRun });
  if (!dryRun) {
    const released = writesWithRemoval(context, endpoint, old);
    await context.store.commit([{ remove: { resource, key } }, ...released]);
  }
  if (endpoint.returnsDeleted) return { type: 'version', code: 200, version: await served(endpoint, version) };
  const { group, resource: name } = endpoint.kind;
  const details = { name: request.name, ...(group ? { group } : {}), kind: name, uid: old.metadata.uid };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return { type: 'object', code: 200, object: status };
}

/** What could have had time is seen ending at once before it goes. */
async function end(
  context: ApiContext,
  { endpoint }: ApiRequest,
  { key, old, dryRun }: { key: string; old: KubeObject; dryRun: boolean },
): Promise<Answer> {
  const now = timestamp(context.clock.now());
  const { metadata } = old;
  const already = metadata.deletionTimestamp !== undefined;
  const ended: KubeObject = {
    ...old,
    metadata: {
      ...metadata,
      deletionTimestamp: now,
      deletionGracePeriodSeconds: 0,
      generation: metadata.generation && !already ? metadata.generation + 1 : metadata.generation,
    },
  };
  if (dryRun) return { type: 'object', code: 200, object: canonical(endpoint, ended, metadata.resourceVersion) };
  const { store } = context;
  const { resource } = endpoint;
  const [stored] = await store.commit([{ put: context.objects.put(endpoint, key, ended) }]);
  // Another write may have seen it finished, and taken it away.
  const rest = store.head(resource, key);
  if (rest && rest.uid === metadata.uid) {
    const released = writesWithRemoval(context, endpoint, context.objects.read<KubeObject>(rest));
    await store.commit([{ remove: { resource, key } }, ...released]);
  }
  return { type: 'version', code: 200, version: await served(endpoint, stored as Version) };
}
