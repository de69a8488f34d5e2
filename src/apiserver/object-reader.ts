import { groupResource, type KubeObject, type Resource } from '../api/resource.ts';
import type { Store } from '../store/store.ts';
import type { ObjectCodec } from './object-codec.ts';

/** Reads of the newest state, within a turn: what admission, authentication and authorization look at. */
export interface ObjectReader {
  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[];
}

export function storeReader(store: Store, objects: ObjectCodec): ObjectReader {
  return {
    get(resource, namespace, name) {
      const version = store.head(groupResource(resource), namespace ? `${namespace}/${name}` : name);
      return version && objects.read(version);
    },
    list(resource, namespace) {
      const query = namespace ? { namespace } : {};
      return store.list(groupResource(resource), query).versions.map((version) => objects.read(version));
    },
  };
}
