import { groupResource, type KubeObject, type Resource } from '../api/resource.ts';
import type { ObjectReader } from './object-reader.ts';

/** Objects in a map, for tests of what reads the replica. */
export class FakeObjectReader implements ObjectReader {
  readonly #objects = new Map<string, Map<string, KubeObject>>();

  put<T extends KubeObject>(resource: Resource<T>, object: unknown): void {
    const { namespace, name } = (object as KubeObject).metadata;
    this.#of(resource).set(namespace ? `${namespace}/${name}` : name, object as KubeObject);
  }

  remove(resource: Resource, namespace: string, name: string): void {
    this.#of(resource).delete(namespace ? `${namespace}/${name}` : name);
  }

  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined {
    return this.#of(resource).get(namespace ? `${namespace}/${name}` : name) as T | undefined;
  }

  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[] {
    const all = [...this.#of(resource).values()] as T[];
    return namespace ? all.filter((object) => object.metadata.namespace === namespace) : all;
  }

  #of(resource: Resource): Map<string, KubeObject> {
    const key = groupResource(resource);
    const objects = this.#objects.get(key) ?? new Map<string, KubeObject>();
    this.#objects.set(key, objects);
    return objects;
  }
}
