import { kindOf } from '../api/kinds.ts';
import type { DeleteOptions, Namespace, Status } from '../api/generated/types.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  notFound,
  staleObject,
  StatusError,
} from '../api/meta/status-error.ts';
import { applyStrategicMerge } from '../api/meta/strategic-merge.ts';
import { schema } from '../api/schema/schema.ts';
import { groupResource, groupVersion, type KubeObject, keyOf, keyText, type Resource } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import { randomSuffix, type Rng, uuid } from '../base/rng.ts';
import type { WatchEvent, WatchHandle, WatchSink } from './client.ts';
import { selectorOf } from './fake-selector.ts';
import type { ApiCall, Transport } from './transport.ts';

type Stored = KubeObject & { spec?: unknown; status?: unknown };
interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: string;
  object: Stored;
  old?: Stored;
}
interface Watcher {
  accepts(resource: string): boolean;
  next: number;
  deliver(changes: Change[]): void;
  end(error: StatusError): void;
}

export interface FakeWrite {
  verb: string;
  resource: string;
  subresource?: string;
  name: string;
}

/**
 * An API server's storage rules in memory, for tests of this room and the controllers: versions, conflicts, watches with
 * 410, finalizers, graceful deletion of pods, generation, status apart from spec, selectors. It neither defaults nor
 * validates nor asks who is calling.
 */
export class FakeTransport implements Transport {
  /** Every write that changed something, oldest first. */
  readonly writes: FakeWrite[] = [];
  /** Set to make calls fail: return an error to throw it. */
  fail: (call: ApiCall) => StatusError | undefined = () => undefined;
  /** How late watchers hear of changes. */
  watchDelayMs = 0;
  /** Watches hear nothing of these resources (`configmaps`) for now. */
  readonly silent = new Set<string>();
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #objects = new Map<string, Map<string, Stored>>();
  #changes: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  #version = 1;
  #oldest = 1;
  #isFlushing = false;

  constructor({ clock, rng }: { clock: Clock; rng: Rng }) {
    this.#clock = clock;
    this.#rng = rng;
  }

  async call(call: ApiCall): Promise<unknown> {
    // An answer never comes in the same turn of the loop.
    await Promise.resolve();
    const error = this.fail(call);
    if (error) throw error;
    const body = call.body === undefined ? undefined : structuredClone(call.body);
    switch (call.verb) {
      case 'get':
        return this.#existing(call);
      case 'list':
        return this.#list(call);
      case 'create':
        return call.subresource ? this.#createSubresource(call, body) : this.#create(call, body as Stored);
      case 'update':
        return this.#update(call, body as Stored);
      case 'patch':
        return this.#update(call, applyPatch(call, this.#existing(call), body));
      case 'delete':
        return this.#delete(call, (body ?? {}) as DeleteOptions);
    }
  }

  watch(call: Omit<ApiCall, 'verb'>, sink: WatchSink): WatchHandle {
    const matches = matcher(call);
    const from = call.query.resourceVersion ? Number(call.query.resourceVersion) : this.#version;
    const name = groupResource(call.resource);
    const watcher: Watcher = {
      accepts: (resource) => resource === name,
      next: from + 1,
      deliver: (changes) => {
        const batch = changes.map((c) => seenThrough(c, matches)).filter((e) => e !== undefined);
        if (batch.length > 0) sink.events(batch);
      },
      end: (error) => sink.end(error),
    };
    this.#watchers.add(watcher);
    this.#flush();
    return { stop: () => this.#watchers.delete(watcher) };
  }

  /** Forgets the past: watches from before now are told to list again. */
  compact(): void {
    this.#oldest = this.#version;
    this.#changes = [];
  }

  /** Ends every watch, as a server that stops does. */
  cutWatches(error: StatusError = StatusError.of('ServiceUnavailable', 'the server stops')): void {
    for (const watcher of this.#watchers) watcher.end(error);
    this.#watchers.clear();
  }

  #of(resource: Resource): Map<string, Stored> {
    const name = groupResource(resource);
    let objects = this.#objects.get(name);
    if (!objects) this.#objects.set(name, (objects = new Map()));
    return objects;
  }

  #existing({ resource, key }: Omit<ApiCall, 'verb'>): Stored {
    const found = this.#of(resource).get(keyText({ namespace: key.namespace, name: key.name ?? '' }));
    if (!found) throw notFound(resource, key.name ?? '');
    return found;
  }

  #list(call: ApiCall) {
    const matches = matcher(call);
    const version = call.query.resourceVersionMatch === 'Exact' ? Number(call.query.resourceVersion) : this.#version;
    return {
      kind: `${call.resource.kind}List`,
      apiVersion: groupVersion(call.resource),
      metadata: { resourceVersion: String(version) },
      items: [...this.#at(call.resource, version).values()].filter(matches),
    };
  }

  /** As they were at a version: what came later is undone. */
  #at(resource: Resource, version: number): Map<string, Stored> {
    if (version < this.#oldest) throw expired(`The resourceVersion ${version} is too old`);
    const objects = new Map(this.#of(resource));
    const name = groupResource(resource);
    for (const change of this.#changes.toReversed()) {
      if (change.version <= version) break;
      if (change.resource !== name) continue;
      const key = keyText(keyOf(change.object));
      if (change.old) objects.set(key, change.old);
      else objects.delete(key);
    }
    return objects;
  }

  #create(call: ApiCall, object: Stored): Stored {
    const { resource, key } = call;
    const meta = object.metadata;
    if (!meta.name && meta.generateName) meta.name = meta.generateName + randomSuffix(this.#rng);
    if (!meta.name) throw badRequest('name or generateName is required');
    if (meta.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    if (resource.namespaced) meta.namespace ??= key.namespace ?? 'default';
    if (this.#of(resource).has(keyText(keyOf(object)))) throw alreadyExists(resource, meta.name);
    this.#refuseInTerminatingNamespace(resource, meta.namespace);
    meta.uid = uuid(this.#rng);
    meta.creationTimestamp = this.#now();
    delete meta.deletionTimestamp;
    const kind = kindOf(resource.group, resource.resource);
    if (kind?.generation) meta.generation = 1;
    if (kind?.statusSubresource && resource.resource !== 'namespaces') object.status = {};
    if (resource.resource === 'namespaces') {
      const namespace = object as Namespace;
      namespace.spec = { finalizers: ['kubernetes'] };
      namespace.status = { phase: 'Active' };
    }
    return this.#store(call, 'ADDED', object);
  }

  #refuseInTerminatingNamespace(resource: Resource, name: string | undefined): void {
    const namespace = name ? this.#objects.get('namespaces')?.get(name) : undefined;
    if (!resource.namespaced || !namespace?.metadata.deletionTimestamp) return;
    throw StatusError.of(
      'Forbidden',
      `unable to create new content in namespace ${name} because it is being terminated`,
      { causes: [{ reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated` }] },
    );
  }

  #update(call: ApiCall, object: Stored): Stored {
    const { resource, subresource } = call;
    const old = this.#existing(call);
    const { resourceVersion, uid } = object.metadata;
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion)
      throw staleObject(resource, old.metadata.name);
    if (uid && uid !== old.metadata.uid)
      throw conflict(resource, old.metadata.name, `Precondition failed: UID in precondition: ${uid}`);
    const next = merged(old, object, {
      subresource,
      hasStatus: kindOf(resource.group, resource.resource)?.statusSubresource,
    });
    const kind = kindOf(resource.group, resource.resource);
    if (kind?.generation && !same(next.spec, old.spec)) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    if (same(next, old)) return old;
    if (isFinished(next)) return this.#remove(call, next);
    return this.#store(call, 'MODIFIED', next);
  }

  #delete(call: ApiCall, options: DeleteOptions): Stored | Status {
    const old = this.#existing(call);
    const { preconditions: p, propagationPolicy } = options;
    const { name, uid, resourceVersion } = old.metadata;
    if (p?.uid && p.uid !== uid) throw conflict(call.resource, name, `Precondition failed: UID ${p.uid}`);
    if (p?.resourceVersion && p.resourceVersion !== resourceVersion)
      throw conflict(call.resource, name, `Precondition failed: resourceVersion ${p.resourceVersion}`);
    const next = structuredClone(old);
    const finalizers = new Set(next.metadata.finalizers);
    if (propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    if (propagationPolicy === 'Orphan') finalizers.add('orphan');
    if (finalizers.size > 0) next.metadata.finalizers = [...finalizers];
    const graceSeconds = graceOf(call.resource, old, options);
    if (!isHeld(next) && graceSeconds === 0) return this.#remove(call, next);
    const shorter = graceSeconds < (old.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY);
    if (!next.metadata.deletionTimestamp || shorter) {
      next.metadata.deletionTimestamp = this.#now(graceSeconds * 1000);
      next.metadata.deletionGracePeriodSeconds = graceSeconds;
      if (call.resource.resource === 'namespaces') (next as Namespace).status = { phase: 'Terminating' };
    }
    return same(next, old) ? old : this.#store(call, 'MODIFIED', next);
  }

  #createSubresource(call: ApiCall, body: unknown): unknown {
    const old = this.#existing(call);
    if (call.subresource === 'binding') {
      const next = structuredClone(old) as Stored & { spec: { nodeName?: string } };
      next.spec.nodeName = (body as { target: { name: string } }).target.name;
      this.#store(call, 'MODIFIED', next);
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    }
    if (call.subresource === 'eviction') {
      this.#delete(
        { ...call, subresource: undefined },
        (body as { deleteOptions?: DeleteOptions }).deleteOptions ?? {},
      );
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    }
    throw StatusError.of('MethodNotAllowed', `the fake has no ${call.subresource}`);
  }

  #store(call: ApiCall, type: 'ADDED' | 'MODIFIED', object: Stored): Stored {
    object.kind = call.resource.kind;
    object.apiVersion = groupVersion(call.resource);
    object.metadata.resourceVersion = String(++this.#version);
    const frozen = deepFreeze(object);
    const old = this.#of(call.resource).get(keyText(keyOf(frozen)));
    this.#of(call.resource).set(keyText(keyOf(frozen)), frozen);
    this.#record(call, { type, object: frozen, old });
    return frozen;
  }

  #remove(call: ApiCall, object: Stored): Stored {
    const old = this.#of(call.resource).get(keyText(keyOf(object)));
    object.metadata.resourceVersion = String(++this.#version);
    const frozen = deepFreeze(object);
    this.#of(call.resource).delete(keyText(keyOf(frozen)));
    this.#record(call, { type: 'DELETED', object: frozen, old });
    return frozen;
  }

  #record(call: ApiCall, change: Pick<Change, 'type' | 'object' | 'old'>): void {
    const resource = groupResource(call.resource);
    this.writes.push({
      verb: call.verb,
      resource,
      name: change.object.metadata.name,
      ...(call.subresource ? { subresource: call.subresource } : {}),
    });
    this.#changes.push({ ...change, resource, version: this.#version });
    this.#flush();
  }

  /** Watchers hear of changes in a later turn, all of one turn at once. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const serve = () => {
      this.#isFlushing = false;
      for (const watcher of this.#watchers) this.#serve(watcher);
    };
    if (this.watchDelayMs > 0) this.#clock.after(this.watchDelayMs, serve);
    else queueMicrotask(serve);
  }

  #serve(watcher: Watcher): void {
    if (watcher.next <= this.#oldest && this.#oldest > 1) {
      this.#watchers.delete(watcher);
      return watcher.end(expired(`too old resource version: ${watcher.next - 1} (${this.#oldest})`));
    }
    const changes = this.#changes.filter((c) => c.version >= watcher.next && watcher.accepts(c.resource));
    if (changes.some((c) => this.silent.has(c.resource))) return;
    watcher.next = this.#version + 1;
    if (changes.length > 0) watcher.deliver(changes);
  }

  #now(plusMs = 0): string {
    return `${new Date(this.#clock.now() + plusMs).toISOString().slice(0, 19)}Z`;
  }
}

/** Pods that run on a node are given time; everything else, and a pod that is done or nowhere, goes at once. */
function graceOf(resource: Resource, object: Stored, options: DeleteOptions): number {
  if (resource.resource !== 'pods') return 0;
  const spec = object.spec as { nodeName?: string; terminationGracePeriodSeconds?: number };
  const { phase } = (object.status ?? {}) as { phase?: string };
  if (!spec?.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  return options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
}

function isHeld(object: Stored): boolean {
  const spec = object.spec as { finalizers?: string[] } | undefined;
  const inSpec = object.kind === 'Namespace' ? (spec?.finalizers?.length ?? 0) : 0;
  return (object.metadata.finalizers?.length ?? 0) + inSpec > 0;
}

const isFinished = (object: Stored): boolean =>
  object.metadata.deletionTimestamp !== undefined && !isHeld(object) && !object.metadata.deletionGracePeriodSeconds;

function merged(old: Stored, object: Stored, how: { subresource?: string; hasStatus?: boolean }): Stored {
  const kept = structuredClone(old);
  if (how.subresource === 'status') {
    kept.status = object.status;
    // As the real strategies: a status write keeps the spec but takes annotations along.
    kept.metadata = withoutUndefined({ ...kept.metadata, annotations: object.metadata.annotations });
    return kept;
  }
  if (how.subresource === 'finalize') {
    kept.spec = { ...(kept.spec as object), finalizers: (object.spec as { finalizers?: string[] })?.finalizers ?? [] };
    return kept;
  }
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, resourceVersion } =
    kept.metadata;
  const identity = {
    uid,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    generation,
    resourceVersion,
  };
  const metadata = withoutUndefined({ ...object.metadata, ...identity });
  return { ...object, metadata, ...(how.hasStatus ? { status: kept.status } : {}) };
}

const withoutUndefined = <T extends object>(o: T): T =>
  Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as T;

function applyPatch(call: ApiCall, object: Stored, patch: unknown): Stored {
  if (call.patchType === 'merge') return mergePatch(structuredClone(object), patch) as Stored;
  const kind = kindOf(call.resource.group, call.resource.resource);
  if (call.patchType === 'strategic' && kind) {
    return applyStrategicMerge({ schema, type: kind.type }, object, patch as Record<string, unknown>) as Stored;
  }
  throw StatusError.of('UnsupportedMediaType', `the fake knows merge and strategic patches, not ${call.patchType}`);
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const out = base as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  }
  return out;
}

function matcher({ key, query }: Omit<ApiCall, 'verb'>): (object: Stored) => boolean {
  const selects = selectorOf(query.labelSelector, query.fieldSelector);
  return (o) => (!key.namespace || o.metadata.namespace === key.namespace) && selects(o);
}

/** A change as a watch with a selector sees it: an object may come into view and leave it. */
function seenThrough(change: Change, matches: (object: Stored) => boolean): WatchEvent | undefined {
  const before = change.old !== undefined && matches(change.old);
  const after = change.type !== 'DELETED' && matches(change.object);
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
  return before ? { type: 'DELETED', object: change.object } : undefined;
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(x), ...Object.keys(y)]);
  return Array.isArray(a) === Array.isArray(b) && [...keys].every((k) => same(x[k], y[k]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
