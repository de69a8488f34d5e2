import { groupResource, type KubeObject, type Resource } from '../api/resource.ts';
import type { Client } from './client.ts';
import { Informer, type InformerDeps, type InformerOptions } from './informer.ts';

/** Informers shared by everybody who asks for the same resource and selectors. */
export interface Informers {
  /** May be called after `start` too: the informer then starts at once. */
  informer<T extends KubeObject>(resource: Resource<T>, options?: InformerOptions): Informer<T>;
  /** Ends an informer whose resource is no longer served; the next one who asks gets another. */
  release(informer: Informer): void;
  start(): void;
  stop(): void;
  /** Resolves when every informer asked for so far has its first list. */
  waitForSync(): Promise<void>;
}

export function informersFor(client: Client, deps: Omit<InformerDeps, 'client'>): Informers {
  const all = new Map<string, Informer>();
  let started = false;
  return {
    informer<T extends KubeObject>(resource: Resource<T>, options: InformerOptions = {}) {
      const { namespace = '', labelSelector = '', fieldSelector = '' } = options;
      const key = JSON.stringify([groupResource(resource), resource.version, namespace, labelSelector, fieldSelector]);
      let informer = all.get(key);
      if (!informer) {
        informer = new Informer({ ...deps, client }, resource as Resource, options);
        all.set(key, informer);
        if (started) informer.start();
      }
      return informer as unknown as Informer<T>;
    },
    release(informer) {
      informer.stop();
      for (const [key, known] of all) if (known === informer) all.delete(key);
    },
    start() {
      if (started) return;
      started = true;
      for (const informer of all.values()) informer.start();
    },
    stop() {
      for (const informer of all.values()) informer.stop();
    },
    async waitForSync() {
      await Promise.all(Array.from(all.values(), (informer) => informer.synced));
    },
  };
}
