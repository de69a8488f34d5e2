import { type KubeObject, keyOf, keyText, type ObjectKey, type Resource } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client, WatchEvent, WatchHandle } from './client.ts';
import { initialReflector, type ReflectorEffect, type ReflectorInput, type ReflectorState, step } from './reflector.ts';
import { compareVersions } from './resource-version.ts';

export interface InformerDeps {
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface InformerOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Called in the order of the watch, after cache and indexes changed. Objects are shared: read only. */
export interface InformerHandler<T> {
  added?(object: T): void;
  updated?(old: T, object: T): void;
  /** The last state seen; after a missed deletion that may be an older one. */
  deleted?(object: T): void;
}

export type IndexFunction<T> = (object: T) => readonly string[];

interface Index<T> {
  of: IndexFunction<T>;
  keys: Map<string, Set<string>>;
}

/** A read-only copy of one resource's objects, kept current by list and watch. Never polls. */
export class Informer<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  /** Resolves when the first list is in the cache. */
  readonly synced: Promise<void>;
  readonly #deps: InformerDeps;
  readonly #options: InformerOptions;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #waiters = new Set<{ ready: () => boolean; resolve: () => void }>();
  #state: ReflectorState = initialReflector;
  #version = '';
  #isSynced = false;
  #resolveSynced: () => void = () => {};
  #watch: WatchHandle | undefined;
  #watchOpenedAt = 0;
  #cancelWait: () => void = () => {};

  constructor(deps: InformerDeps, resource: Resource<T>, options: InformerOptions = {}) {
    this.#deps = deps;
    this.#options = options;
    this.resource = resource;
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.addIndex('namespace', (o) => [o.metadata.namespace ?? '']);
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** The version of the newest event, bookmark or list in the cache; empty before the first. */
  get lastSyncedVersion(): string {
    return this.#version;
  }

  get size(): number {
    return this.#objects.size;
  }

  start(): void {
    this.#feed({ type: 'start' });
  }

  /** Ends list, watch and waiting; the cache stays readable, nothing changes it any more. */
  stop(): void {
    this.#feed({ type: 'stop' });
    this.#cancelWait();
    this.#watch?.stop();
    this.#watch = undefined;
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
  }

  /** By `namespace/name` (or `name`), or by key object. */
  get(key: string | ObjectKey): T | undefined {
    return this.#objects.get(typeof key === 'string' ? key : keyText(key));
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.index('namespace', namespace);
  }

  /** The objects whose index function gave `value`. Throws for an index that was never added. */
  index(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`informer of ${this.resource.resource} has no index ${name}`);
    const objects: T[] = [];
    const keys = index.keys.get(value);
    if (keys) for (const key of keys) objects.push(this.#objects.get(key) as T);
    return objects;
  }

  /** May be called at any time; the same name twice keeps the first. */
  addIndex(name: string, of: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { of, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) addTo(index, key, index.of(object));
  }

  /** Tells the handler of everything in the cache first. The returned function removes it. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    if (handler.added) for (const object of this.#objects.values()) handler.added(object);
    return () => this.#handlers.delete(handler);
  }

  /** Resolves when the cache is at `version` or later, or the informer stops. */
  waitFor(version: string): Promise<void> {
    return this.waitUntil(() => compareVersions(this.#version, version) >= 0);
  }

  /** Resolves when `ready` is true; asked now and after each change of the cache. Also resolves when the informer stops. */
  waitUntil(ready: () => boolean): Promise<void> {
    if (ready() || this.#state.phase === 'stopped') return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.add({ ready, resolve });
    });
  }

  #feed(input: ReflectorInput<T>): void {
    const { state, effects } = step(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: ReflectorEffect<T>): void {
    switch (effect.type) {
      case 'list':
        return this.#list();
      case 'watch':
        return this.#openWatch(effect.version);
      case 'wait': {
        const ms = effect.ms * (1 + this.#deps.rng.next());
        this.#cancelWait = this.#deps.clock.after(ms, () => this.#feed({ type: 'delayPassed' }));
        return;
      }
      case 'replace':
        return this.#replace({ ...effect, from: 0, present: new Set() });
      case 'apply':
        return this.#apply(effect.events, effect.version);
      case 'failed':
        return this.#logFailure(effect.error, effect.failures);
    }
  }

  #list(): void {
    this.#deps.client.list(this.resource, this.#options).then(
      (list) => this.#feed({ type: 'listed', list }),
      (error: unknown) => this.#feed({ type: 'listFailed', error }),
    );
  }

  #openWatch(version: string): void {
    this.#watchOpenedAt = this.#deps.clock.now();
    const options = { ...this.#options, resourceVersion: version };
    this.#watch = this.#deps.client.watch(this.resource, options, {
      events: (batch) => this.#feed({ type: 'events', batch }),
      end: (error) => {
        const lastedMs = this.#deps.clock.now() - this.#watchOpenedAt;
        this.#feed({ type: 'watchEnded', error, lastedMs });
      },
    });
  }

  #logFailure(error: unknown, failures: number): void {
    const fields = { resource: this.resource.resource, failures, error: String(error) };
    // The first failure is an ordinary restart of the server.
    if (failures > 1) this.#deps.log.warn(fields, 'list or watch failed');
    else this.#deps.log.debug(fields, 'list or watch failed');
  }

  /** Takes a list in, with pauses where it is long: what handlers do with each object adds up. */
  #replace(list: { items: T[]; version: string; from: number; present: Set<string> }): void {
    const { items, version, from, present } = list;
    if (this.#state.phase === 'stopped') return;
    for (let i = from; i < items.length; i++) {
      const object = items[i] as T;
      const key = keyText(keyOf(object));
      present.add(key);
      this.#set(key, object);
      const pause = this.#deps.clock.giveWay?.();
      if (pause) return void pause.then(() => this.#replace({ ...list, from: i + 1 }));
    }
    for (const key of this.#objects.keys()) if (!present.has(key)) this.#remove(key);
    this.#version = version;
    this.#isSynced = true;
    this.#resolveSynced();
    this.#wake();
    this.#feed({ type: 'replaced' });
  }

  #apply(events: WatchEvent<T>[], version: string): void {
    for (const event of events) {
      const key = event.key ?? keyText(keyOf(event.object));
      if (event.type === 'DELETED') this.#remove(key, event.object);
      else this.#set(key, event.object);
    }
    this.#version = version;
    this.#wake();
  }

  #set(key: string, object: T): void {
    const old = this.#objects.get(key);
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    // Deleted and made again while nobody watched: two objects, so two events.
    if (old && old.metadata.uid !== object.metadata.uid) {
      this.#remove(key);
      return this.#set(key, object);
    }
    for (const index of this.#indexes.values()) {
      this.#guard(() => updateIndex(index, key, { old, object }));
    }
    this.#objects.set(key, object);
    for (const handler of this.#handlers) {
      this.#guard(() => (old ? handler.updated?.(old, object) : handler.added?.(object)));
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.#objects.get(key);
    if (!old) return;
    for (const index of this.#indexes.values()) this.#guard(() => removeFrom(index, key, index.of(old)));
    this.#objects.delete(key);
    for (const handler of this.#handlers) this.#guard(() => handler.deleted?.(last ?? old));
  }

  /** A fault in what others hang on the cache costs them one event; it must not cost everybody the cache. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#deps.log.error(
        { resource: this.resource.resource, err: error },
        'an index or handler of an informer failed',
      );
    }
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.ready()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}

/** Most changes of an object leave it where it is. */
function updateIndex<T>(index: Index<T>, key: string, { old, object }: { old: T | undefined; object: T }): void {
  const before = old ? index.of(old) : [];
  const values = index.of(object);
  if (before.length === values.length && before.every((value, i) => value === values[i])) return;
  removeFrom(index, key, before);
  addTo(index, key, values);
}

function addTo<T>(index: Index<T>, key: string, values: readonly string[]): void {
  for (const value of values) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function removeFrom<T>(index: Index<T>, key: string, values: readonly string[]): void {
  for (const value of values) {
    const keys = index.keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keys.delete(value);
  }
}
