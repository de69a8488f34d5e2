import { allAuthenticated, mastersGroup, serviceAccountUser, type UserInfo } from '../apiserver/authn/user-info.ts';
import { humanDuration } from '../api/meta/human-duration.ts';
import { groupResource, type KubeObject, keyText, type ObjectKey, parseKey, type Resource } from '../api/resource.ts';
import type { Logger } from '../base/log.ts';
import type { Clock } from '../base/clock.ts';
import { type Duration, durationMs } from '../base/duration.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client } from '../client/client.ts';
import { Informer, type InformerOptions } from '../client/informer.ts';
import { createClient } from '../client/typed-client.ts';
import type { Component } from '../simulation/component.ts';
import type { ActiveFault, Fault } from '../simulation/faults.ts';
import { rngFor } from '../simulation/seed.ts';
import { type Access, serveWorld } from '../simulation/serve-world.ts';
import { driveUntil, settle } from '../simulation/settle.ts';
import type { World, WorldSnapshot } from '../simulation/world.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import { applyManifests, type Manifests } from './manifests.ts';
import type { WaitOptions } from './options.ts';
import { explainWait, WaitError } from './wait-error.ts';

/** @internal */
export interface ClusterDeps {
  world: World;
  machineClock: Clock;
  log: Logger;
  /** Milliseconds. */
  timeoutMs: number;
  seed: number;
}

export interface SettleOptions {
  /** What is due later than this is not waited for (a Job's time to live, a crash loop's next try); 30 s unless told. */
  within?: Duration;
  /** Gives up after this much of the cluster's time; 1 h unless told. */
  timeout?: Duration;
}

/** A state of a cluster; only the cluster that gave it can come back to it. */
export interface ClusterSnapshot {
  /** The cluster's time then; epoch milliseconds. */
  readonly nowMs: number;
}

/** Who a client is. `admin` may do everything. */
export type Identity = 'admin' | { user: string; groups?: readonly string[] } | { serviceAccount: string };

const admin: UserInfo = { name: 'kubernetes-admin', groups: [mastersGroup, allAuthenticated] };

/** A cluster in this process: a real API server, controllers, scheduler, and hollow nodes. */
export class Cluster {
  /** The typed client of an administrator. What it reads is frozen: copy before you change. */
  readonly client: Client;
  /** The hollow nodes. */
  readonly nodes: ClusterNodes;
  readonly #deps: ClusterDeps;
  readonly #world: World;
  readonly #informers = new Set<Informer>();
  #start: WorldSnapshot | undefined;
  #access: Promise<Access> | undefined;

  /** @internal */
  constructor(deps: ClusterDeps) {
    this.#deps = deps;
    this.#world = deps.world;
    this.client = this.clientFor('admin');
    this.nodes = new ClusterNodes(() => this.#world.nodes, this.client);
  }

  /** The cluster's time. */
  get now(): Date {
    return new Date(this.#world.clock.now());
  }

  /** A client with the rights of somebody, as RBAC gives them: `{ serviceAccount: 'default/operator' }`. */
  clientFor(identity: Identity): Client {
    const { switchboard } = this.#world.plane;
    return createClient(switchboard.transportFor(userOf(identity), 'knarr-testing'));
  }

  /** A cache of a resource, filled and kept current; stopped with the cluster. */
  async informer<T extends KubeObject>(resource: Resource<T>, options: InformerOptions = {}): Promise<Informer<T>> {
    const informer = this.#newInformer(resource, options);
    this.#informers.add(informer as unknown as Informer);
    informer.start();
    await informer.synced;
    return informer;
  }

  /** Server-side apply of YAML or objects; answers with what is stored. */
  async apply(manifests: Manifests): Promise<KubeObject[]> {
    return applyManifests({ api: this.#world.plane.api, client: this.client }, manifests);
  }

  /** Moves time ahead; everything that is due on the way happens at its own time. */
  async advance(by: Duration): Promise<void> {
    await this.#world.clock.advance(durationMs(by));
  }

  /**
   * Moves time ahead until nothing is left to do: pods are placed and started, rollouts are through, back-offs that are
   * soon over have been waited for. Knows only what is in this process: an operator that talks HTTPS is not waited for.
   */
  async settle({ within = '30s', timeout = '1h' }: SettleOptions = {}): Promise<void> {
    const limitMs = durationMs(timeout);
    const isSettled = await settle(this.#world.clock, { withinMs: durationMs(within), limitMs });
    if (!isSettled)
      throw new WaitError(`the cluster did not settle within ${humanDuration(limitMs)}: ${await this.#busyText()}`);
  }

  /**
   * Waits until an object is as wanted, and answers with it. `undefined` is what `isWanted` gets while it is not there.
   * Rejects with a `WaitError` that explains the state. With a virtual clock the wait moves time ahead.
   */
  async waitFor<T extends KubeObject>(
    resource: Resource<T>,
    key: string | ObjectKey,
    isWanted: (object: T) => boolean,
    options: WaitOptions = {},
  ): Promise<T> {
    const { name, namespace } = keyIn(resource, key);
    const what = options.what ?? `${groupResource(resource)} ${keyText({ name, namespace })} to be as wanted`;
    const found = await this.#wait(resource, {
      ...options,
      what,
      narrow: { namespace, fieldSelector: `metadata.name=${name}` },
      isDone: ([object]) => object !== undefined && isWanted(object),
    });
    return found[0] as T;
  }

  /** Waits until an object is gone. */
  async waitForGone(resource: Resource, key: string | ObjectKey, options: WaitOptions = {}): Promise<void> {
    const { name, namespace } = keyIn(resource, key);
    const what = options.what ?? `${groupResource(resource)} ${keyText({ name, namespace })} to be gone`;
    const narrow = { namespace, fieldSelector: `metadata.name=${name}` };
    await this.#wait(resource, { ...options, what, narrow, isDone: (found) => found.length === 0 });
  }

  /** Waits until all objects of a resource, or those selected, are as wanted together; answers with them. */
  async waitForAll<T extends KubeObject>(
    resource: Resource<T>,
    narrow: InformerOptions,
    isWanted: (objects: T[]) => boolean,
    options: WaitOptions = {},
  ): Promise<T[]> {
    const what = options.what ?? `the ${groupResource(resource)} to be as wanted`;
    return this.#wait(resource, { ...options, what, narrow, isDone: isWanted });
  }

  /** Lets something go wrong from now on, for the cluster's own clients; the test's clients are spared. */
  inject(fault: Fault): ActiveFault {
    return this.#world.faults.inject(fault);
  }

  /** The part crashes and starts again; it remembers nothing but what is stored. Connections to the API server break. */
  async restart(component: Component): Promise<void> {
    await this.#world.restart(component);
  }

  /** The state of everything, to come back to. Settle first: what is half done would be done again. */
  snapshot(): ClusterSnapshot {
    return this.#world.snapshot();
  }

  /** Back to a snapshot, or to how the cluster was when it started. Informers and kubeconfigs stay valid. */
  async reset(to?: ClusterSnapshot): Promise<void> {
    const target = (to ?? this.#start) as WorldSnapshot | undefined;
    if (!target) throw new Error('the cluster has not started yet');
    await this.#world.reset(target);
    await Promise.all(Array.from(this.#informers, (informer) => informer.synced));
  }

  /** A kubeconfig of the administrator, over HTTPS on the loopback interface. The first call opens the port. */
  async kubeconfig(): Promise<string> {
    this.#access ??= serveWorld(this.#world, this.#deps.machineClock);
    return (await this.#access).kubeconfig;
  }

  /** Ends everything; nothing stays behind in the process. */
  async stop(): Promise<void> {
    for (const informer of this.#informers) informer.stop();
    await this.#world.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Called once by `startCluster`: what `reset` comes back to. @internal */
  markStart(): void {
    this.#start = this.#world.snapshot();
  }

  #newInformer<T extends KubeObject>(resource: Resource<T>, options: InformerOptions): Informer<T> {
    const { seed, log } = this.#deps;
    const { clock } = this.#world;
    return new Informer({ client: this.client, clock, rng: rngFor(seed, 'test'), log }, resource, options);
  }

  async #wait<T extends KubeObject>(resource: Resource<T>, wait: Wait<T>): Promise<T[]> {
    const { clock } = this.#world;
    const startMs = clock.now();
    const timeoutMs = wait.timeout === undefined ? this.#deps.timeoutMs : durationMs(wait.timeout);
    const informer = this.#newInformer(resource, wait.narrow);
    let failure: unknown;
    const isDone = () => {
      try {
        return informer.isSynced && wait.isDone(informer.list());
      } catch (error) {
        failure ??= error;
        return true;
      }
    };
    informer.start();
    try {
      if (!(await this.#until(informer, timeoutMs, isDone))) {
        const nowMs = clock.now();
        const found = informer.list();
        throw await explainWait(this.client, { resource, what: wait.what, waitedMs: nowMs - startMs, found, nowMs });
      }
      if (failure !== undefined) throw failure;
      return informer.list();
    } finally {
      informer.stop();
    }
  }

  /** With a clock that stands still the wait moves it; otherwise it lets time pass. */
  async #until<T extends KubeObject>(
    informer: Informer<T>,
    timeoutMs: number,
    isDone: () => boolean,
  ): Promise<boolean> {
    const { clock } = this.#world;
    if (clock instanceof VirtualClock) return driveUntil(clock, timeoutMs, isDone);
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = clock.after(timeoutMs, resolve, { background: true });
    });
    await Promise.race([informer.waitUntil(isDone), timeUp]);
    cancel();
    return isDone();
  }

  async #busyText(): Promise<string> {
    const { store } = this.#world.plane.api.context;
    const newest = Array.from(store.resources())
      .flatMap((resource) => [...store.all(resource)])
      .filter(({ resource }) => resource !== 'events' && resource !== 'leases.coordination.k8s.io')
      .toSorted((a, b) => b.revision - a.revision)
      .slice(0, 5);
    return `last to change were ${newest.map(({ resource, key }) => `${resource} ${key}`).join(', ')}`;
  }
}

interface Wait<T> extends WaitOptions {
  what: string;
  narrow: InformerOptions;
  isDone(found: T[]): boolean;
}

function userOf(identity: Identity): UserInfo {
  if (identity === 'admin') return admin;
  if ('user' in identity) return { name: identity.user, groups: [...(identity.groups ?? []), allAuthenticated] };
  const { namespace = 'default', name } = parseKey(identity.serviceAccount);
  return serviceAccountUser(namespace, name);
}

/** `name` or `namespace/name`; the namespace is `default` unless told. */
function keyIn(resource: Resource, key: string | ObjectKey): ObjectKey {
  const { namespace, name } = typeof key === 'string' ? parseKey(key) : key;
  return resource.namespaced ? { namespace: namespace ?? 'default', name } : { name };
}
