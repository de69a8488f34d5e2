import { configmaps, secrets } from '../../api/generated/resources.ts';
import type { ConfigMap, Pod, Secret } from '../../api/generated/types.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { Client } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import type { ReferencedObjects } from '../config/env.ts';
import { containersOf } from '../worker/pod-spec.ts';

export interface WatchedObjectsDeps {
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

interface Watched {
  informer: Informer;
  users: Set<string>;
}

/** How long a first answer is waited for; the pod tries again later. */
const firstListMs = 10_000;

/**
 * The ConfigMaps and Secrets that this node's pods refer to, each kept current by a watch of just that object while a pod
 * uses it: a change reaches the volumes at once, and the node needs to see nothing else.
 */
export class WatchedObjects implements ReferencedObjects {
  readonly #deps: WatchedObjectsDeps;
  readonly #watched = new Map<string, Watched>();
  readonly #changed: (podUids: readonly string[]) => void;

  /** `changed` is told of the pods that refer to an object that came, changed or went. */
  constructor(deps: WatchedObjectsDeps, changed: (podUids: readonly string[]) => void) {
    this.#deps = deps;
    this.#changed = changed;
  }

  /** Watches what the pod refers to; what it no longer refers to is let go. May be called again for a changed pod. */
  use(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const keys = new Map(referencesOf(pod).map((ref) => [keyText(ref), ref]));
    for (const [key, ref] of keys) this.#watch(key, ref).users.add(uid);
    for (const [key, watched] of this.#watched) if (!keys.has(key)) this.#drop(key, watched, uid);
  }

  release(podUid: string): void {
    for (const [key, watched] of this.#watched) this.#drop(key, watched, podUid);
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#get<ConfigMap>({ resource: configmaps as Resource, namespace, name });
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#get<Secret>({ resource: secrets as Resource, namespace, name });
  }

  stop(): void {
    for (const { informer } of this.#watched.values()) informer.stop();
    this.#watched.clear();
  }

  #drop(key: string, watched: Watched, podUid: string): void {
    if (!watched.users.delete(podUid) || watched.users.size > 0) return;
    watched.informer.stop();
    this.#watched.delete(key);
  }

  #watch(key: string, { resource, namespace, name }: Reference): Watched {
    const known = this.#watched.get(key);
    if (known) return known;
    const informer = new Informer(this.#deps, resource, { namespace, fieldSelector: `metadata.name=${name}` });
    const watched: Watched = { informer, users: new Set() };
    const tell = () => {
      if (informer.isSynced) this.#changed([...watched.users]);
    };
    informer.addHandler({ added: tell, updated: tell, deleted: tell });
    this.#watched.set(key, watched);
    informer.start();
    return watched;
  }

  async #get<T extends KubeObject>(ref: Reference): Promise<T | undefined> {
    const { informer } = this.#watch(keyText(ref), ref);
    if (!informer.isSynced) await this.#firstList(informer, ref);
    return informer.get({ namespace: ref.namespace, name: ref.name }) as T | undefined;
  }

  #firstList(informer: Informer, ref: Reference): Promise<void> {
    return new Promise((resolve, reject) => {
      const failure = new Error(
        `failed to sync ${ref.resource.kind.toLowerCase()} cache: timed out waiting for the condition`,
      );
      const cancel = this.#deps.clock.after(firstListMs, () => reject(failure));
      void informer.synced.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

interface Reference {
  resource: Resource;
  namespace: string;
  name: string;
}

const keyText = ({ resource, namespace, name }: Reference): string => `${resource.resource}/${namespace}/${name}`;

/** Everything in the spec that names a ConfigMap or Secret. */
function referencesOf(pod: Pod): Reference[] {
  const namespace = pod.metadata.namespace ?? '';
  const found: { resource: Resource; name?: string }[] = [];
  const ofConfigMap = (name?: string) => found.push({ resource: configmaps as Resource, name });
  const ofSecret = (name?: string) => found.push({ resource: secrets as Resource, name });
  for (const { container } of containersOf(pod)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      ofConfigMap(configMapRef?.name);
      ofSecret(secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      ofConfigMap(valueFrom?.configMapKeyRef?.name);
      ofSecret(valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of pod.spec.volumes ?? []) {
    ofConfigMap(volume.configMap?.name);
    ofSecret(volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      ofConfigMap(source.configMap?.name);
      ofSecret(source.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) ofSecret(name);
  return found.flatMap(({ resource, name }) => (name ? [{ resource, namespace, name }] : []));
}
