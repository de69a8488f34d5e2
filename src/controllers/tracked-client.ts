import type { DeleteOptions } from '../api/generated/types.ts';
import { type KubeObject, keyText, type Manifest, type ObjectKey, type Resource } from '../api/resource.ts';
import type { Client, PatchType, WatchOptions, WatchSink, WriteOptions } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import { compareVersions } from '../client/resource-version.ts';

/**
 * A client that remembers what one reconcile wrote, until the informers have seen it (read your own writes). Without it a
 * controller that creates two pods would, on its next look into a cache that lags, create them again.
 */
export class TrackedClient implements Client {
  readonly #client: Client;
  readonly #informers: ReadonlyMap<string, Informer>;
  /** Per informer the conditions still to come true. */
  readonly #expected = new Map<Informer, (() => boolean)[]>();

  constructor(client: Client, informers: ReadonlyMap<string, Informer>) {
    this.#client = client;
    this.#informers = informers;
  }

  /** Resolves when everything written is in the caches; undefined when it is already. */
  unseen(): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const [informer, conditions] of this.#expected) {
      const isSeen = () => conditions.every((condition) => condition());
      if (!isSeen()) waits.push(informer.waitUntil(isSeen));
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey) {
    return this.#client.get(resource, key);
  }
  getSubresource<B>(resource: Resource, key: ObjectKey, subresource: string): Promise<B> {
    return this.#client.getSubresource(resource, key, subresource);
  }
  list<T extends KubeObject>(resource: Resource<T>, options?: Parameters<Client['list']>[1]) {
    return this.#client.list(resource, options);
  }
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions, sink: WatchSink<T>) {
    return this.#client.watch(resource, options, sink);
  }
  createSubresource<B>(resource: Resource, key: ObjectKey, subresource: string, body: B) {
    return this.#client.createSubresource(resource, key, subresource, body);
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: Manifest<T>, options?: WriteOptions) {
    return this.#written(resource, await this.#client.create(resource, object, options));
  }
  async update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions) {
    return this.#written(resource, await this.#client.update(resource, object, options));
  }
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: { type: PatchType; body: unknown },
    options?: WriteOptions,
  ) {
    return this.#written(resource, await this.#client.patch(resource, key, patch, options));
  }

  async delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions) {
    const informer = this.#informers.get(nameOf(resource));
    const uid = options?.preconditions?.uid ?? informer?.get(key)?.metadata.uid;
    const answer = await this.#client.delete(resource, key, options);
    if (informer && uid) this.#expect(informer, () => isGoing(informer.get(keyText(key)), uid));
    return answer;
  }

  #written<T extends KubeObject>(resource: Resource<T>, object: T): T {
    const informer = this.#informers.get(nameOf(resource));
    const version = object.metadata.resourceVersion ?? '';
    if (informer) this.#expect(informer, () => compareVersions(informer.lastSyncedVersion, version) >= 0);
    return object;
  }

  #expect(informer: Informer, condition: () => boolean): void {
    const conditions = this.#expected.get(informer);
    if (conditions) conditions.push(condition);
    else this.#expected.set(informer, [condition]);
  }
}

const nameOf = (resource: Resource) => `${resource.group}/${resource.resource}`;

const isGoing = (cached: KubeObject | undefined, uid: string): boolean =>
  cached?.metadata.uid !== uid || cached.metadata.deletionTimestamp !== undefined;
