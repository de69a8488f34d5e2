import { isConflict, isNotFound } from '../api/meta/status-error.ts';
import type { Kind } from '../api/kind.ts';
import type { KubeObject, Resource } from '../api/resource.ts';
import { servedResources } from '../api/served-versions.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informer, InformerOptions } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import { WorkQueue } from '../client/work-queue.ts';
import type { WorkQueueMetrics } from '../client/work-queue-metrics.ts';
import { TrackedClient } from './tracked-client.ts';

/** What a reconcile answers: nothing more to do until something changes, or look again by the clock. */
export interface Result {
  requeueAfterMs?: number;
  /** Only to make sure: there is something to do then if something does not happen before. */
  isGuard?: boolean;
}
export const done: Result = {};
export const requeueAfter = (ms: number): Result => ({ requeueAfterMs: ms });
export const guardAfter = (ms: number): Result => ({ requeueAfterMs: ms, isGuard: true });

/** Which keys to reconcile when an object of the informer comes, changes (asked for both states) or goes. */
export interface Watch {
  informer: Informer;
  keysOf(object: KubeObject): readonly string[];
  /** An update for which this is false is passed over. */
  isWorth?(old: KubeObject, object: KubeObject): boolean;
  /** How long what happened may wait for more of it; not at all unless told. */
  delayMs?(key: string): number;
}

export const watch = <T extends KubeObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly string[],
  isWorth?: (old: T, object: T) => boolean,
): Watch => ({ informer, keysOf, isWorth }) as unknown as Watch;

/** The longest that changes to the many that an object has may wait for each other. */
const longestBatchMs = 1000;

/**
 * A look at an owner goes through all that it has: many changes to them are seen in one look. Whoever has less than ten
 * is looked at at once; every further ten may wait a millisecond longer, up to a second.
 */
export const inBatches = (watched: Watch, sizeOf: (key: string) => number): Watch => ({
  ...watched,
  delayMs: (key) => Math.min(Math.floor(sizeOf(key) / 10), longestBatchMs),
});

export interface ControllerContext {
  clock: Clock;
  rng: Rng;
  log: Logger;
  recorder: EventRecorder;
  /** The built-in kinds that there are, each in one version. */
  kinds: readonly Kind[];
  /** Shared by all controllers. */
  informer<T extends KubeObject>(resource: Resource<T>, options?: InformerOptions): Informer<T>;
  /** A watch that begins while the controller runs; the returned function ends it, and the informer with it. */
  watch(watch: Watch): () => void;
  /** For work that no watch announces. */
  enqueue(key: string, afterMs?: number): void;
}

export interface ControllerSetup {
  watches: Watch[];
  /**
   * Makes the world of `key` as it should be: reads the informers, writes the difference through `client`. Never called
   * twice at once for a key, and not before the informers have seen what the last call wrote. A rejection is backed off.
   */
  reconcile(key: string, client: Client): Promise<Result>;
}

export interface ControllerDefinition {
  /** The folder and file: `deployment.rollout`. */
  name: string;
  /** In kube-system; its role is in the bootstrap policy. Absent: it works with the controller manager's own rights. */
  serviceAccount?: string;
  /** The component named in events. */
  eventSource?: string;
  /** Keys in work at the same time; 5 unless told. */
  workers?: number;
  setup(context: ControllerContext): ControllerSetup;
}

export const defineController = (definition: ControllerDefinition): ControllerDefinition => definition;

export interface ReconcileReport {
  controller: string;
  outcome: 'done' | 'requeued' | 'failed';
  durationMs: number;
  queueLength: number;
}

export interface ControllerDeps {
  /** The controller's own identity. */
  client: Client;
  informers: Informers;
  recorder: EventRecorder;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Unless told, what is served by itself. */
  kinds?: readonly Kind[];
  queueMetrics?: WorkQueueMetrics | undefined;
  onReconcile?(report: ReconcileReport): void;
}

/** The loop of one controller: from watches to keys, from keys to reconciles, with back-off. */
export class ControllerLoop {
  readonly name: string;
  readonly synced: Promise<void>;
  readonly #deps: ControllerDeps;
  readonly #queue: WorkQueue;
  readonly #setup: ControllerSetup;
  readonly #used = new Map<string, Informer>();
  readonly #unhook: (() => void)[] = [];
  /** Keys whose last writes the informers have not seen yet; true when somebody asked for the key meanwhile. */
  readonly #unseen = new Map<string, boolean>();
  #isStopped = false;

  constructor(deps: ControllerDeps, definition: ControllerDefinition) {
    this.name = definition.name;
    const log = deps.log.child({ controller: definition.name });
    this.#deps = { ...deps, log };
    this.#queue = new WorkQueue(deps.clock, { observer: deps.queueMetrics?.of(definition.name) });
    this.#setup = definition.setup({
      clock: deps.clock,
      rng: deps.rng,
      log,
      recorder: deps.recorder,
      kinds: deps.kinds ?? servedResources(),
      informer: (resource, options) => this.#informer(resource, options),
      watch: (added) => this.#watchLate(added),
      enqueue: (key, afterMs = 0) => this.#queue.addAfter(key, afterMs),
    });
    this.synced = this.#start(definition.workers ?? 5);
  }

  stop(): void {
    this.#isStopped = true;
    for (const unhook of this.#unhook) unhook();
    this.#queue.shutDown();
  }

  #informer<T extends KubeObject>(resource: Resource<T>, options?: InformerOptions): Informer<T> {
    const informer = this.#deps.informers.informer(resource, options);
    this.#used.set(`${resource.group}/${resource.resource}`, informer as unknown as Informer);
    return informer;
  }

  async #start(workers: number): Promise<void> {
    for (const watched of this.#setup.watches) this.#unhook.push(this.#hook(watched));
    // A half-filled cache looks like objects that are missing.
    await Promise.all(Array.from(this.#used.values(), (informer) => informer.synced));
    for (let i = 0; i < workers; i++) void this.#work();
  }

  #hook({ informer, keysOf, isWorth, delayMs }: Watch): () => void {
    const enqueue = (key: string) => this.#queue.addAfter(key, delayMs?.(key) ?? 0);
    const add = (object: KubeObject) => keysOf(object).forEach(enqueue);
    const updated = (old: KubeObject, object: KubeObject) => {
      if (isWorth && !isWorth(old, object)) return;
      const before = keysOf(old);
      before.forEach(enqueue);
      // A key that is taken at once would come again.
      for (const key of keysOf(object)) if (!before.includes(key)) enqueue(key);
    };
    return informer.addHandler({ added: add, updated, deleted: add });
  }

  #watchLate(watched: Watch): () => void {
    const { group, resource } = watched.informer.resource;
    const unhook = this.#hook(watched);
    this.#unhook.push(unhook);
    return () => {
      unhook();
      this.#unhook.splice(this.#unhook.indexOf(unhook), 1);
      this.#used.delete(`${group}/${resource}`);
      this.#deps.informers.release(watched.informer);
    };
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      // A hundred thousand keys come at once when a cache fills.
      const pause = this.#deps.clock.giveWay?.();
      if (pause) await pause;
      if (this.#isStopped) return;
      if (this.#unseen.has(key)) this.#unseen.set(key, true);
      else await this.#reconcile(key);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { clock } = this.#deps;
    const startedMs = clock.now();
    const client = new TrackedClient(this.#deps.client, this.#used);
    let outcome: ReconcileReport['outcome'];
    try {
      const { requeueAfterMs, isGuard } = await this.#setup.reconcile(key, client);
      this.#queue.forget(key);
      if (requeueAfterMs !== undefined) this.#queue.addAfter(key, requeueAfterMs, { background: isGuard });
      outcome = requeueAfterMs === undefined ? 'done' : 'requeued';
    } catch (error) {
      outcome = 'failed';
      this.#failed(key, error);
    }
    this.#awaitOwnWrites(key, client.unseen());
    const durationMs = clock.now() - startedMs;
    this.#deps.onReconcile?.({ controller: this.name, outcome, durationMs, queueLength: this.#queue.length });
  }

  #failed(key: string, error: unknown): void {
    if (this.#isStopped) return;
    this.#queue.addRateLimited(key);
    const fields = { key, failures: this.#queue.failures(key), error: String(error) };
    // The cache was behind: the next try sees what happened.
    if (isConflict(error) || isNotFound(error)) this.#deps.log.debug(fields, 'reconcile met a newer state');
    else this.#deps.log.warn(fields, 'reconcile failed');
  }

  #awaitOwnWrites(key: string, unseen: Promise<void> | undefined): void {
    if (!unseen) return;
    this.#unseen.set(key, false);
    void unseen.then(() => {
      const isAsked = this.#unseen.get(key);
      this.#unseen.delete(key);
      if (isAsked) this.#queue.add(key);
    });
  }
}
