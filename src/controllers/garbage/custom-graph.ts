import { customresourcedefinitions } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { groupResource, type KubeObject, type Resource } from '../../api/resource.ts';
import type { Informer } from '../../client/informer.ts';
import { customResourceOf } from '../custom-resource.ts';
import { type ControllerContext, type Watch, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import type { OwnerGraph } from './owner-graph.ts';

/** The objects of a resource, and those around them in the graph, whenever something about ownership changes. */
const graphWatch = (graph: OwnerGraph, informer: Informer): Watch =>
  watch(informer, (object) => graph.keysAround(informer, object), isWorth);

const isWorth = (old: KubeObject, object: KubeObject): boolean =>
  old.metadata.deletionTimestamp !== object.metadata.deletionTimestamp ||
  !sameJson(old.metadata.ownerReferences, object.metadata.ownerReferences) ||
  !sameJson(old.metadata.finalizers, object.metadata.finalizers);

const keyPrefix = 'definition ';

/** Keeps the graph in step with the resources that definitions add. */
export class CustomGraph {
  readonly #graph: OwnerGraph;
  readonly #context: Pick<ControllerContext, 'informer' | 'watch' | 'enqueue'>;
  readonly #definitions: Informer<CustomResourceDefinition>;
  readonly #followed = new Map<string, { resource: Resource; stop(): void }>();

  constructor(graph: OwnerGraph, context: Pick<ControllerContext, 'informer' | 'watch' | 'enqueue'>) {
    this.#graph = graph;
    this.#context = context;
    this.#definitions = context.informer(customresourcedefinitions);
  }

  /** Of everything in the graph so far. */
  get watches(): Watch[] {
    return [...this.#graph.informers.values()].map((informer) => graphWatch(this.#graph, informer));
  }

  /** Definitions, by keys that `follows` takes. */
  get definitions(): Watch {
    return watch(this.#definitions, ({ metadata }) => [`${keyPrefix}${metadata.name}`]);
  }

  /** Takes the resource of a definition in, or out, when the key is one; false for all other keys. */
  follows(key: string): boolean {
    if (!key.startsWith(keyPrefix)) return false;
    this.#follow(key.slice(keyPrefix.length));
    return true;
  }

  #follow(name: string): void {
    const definition = this.#definitions.get(name);
    const resource = definition && customResourceOf(definition);
    const before = this.#followed.get(name);
    if (before && resource && sameJson(before.resource, resource)) return;
    if (before) {
      this.#graph.remove(before.resource);
      before.stop();
      this.#followed.delete(name);
    }
    // A built-in resource of the same name keeps its place.
    if (!resource || this.#graph.informers.has(groupResource(resource))) return;
    const informer = this.#graph.add(resource);
    const stop = this.#context.watch(graphWatch(this.#graph, informer));
    this.#followed.set(name, { resource, stop });
    // What they own could not be judged before.
    void informer.synced.then(() => {
      for (const key of this.#graph.keysOwnedBy(resource)) this.#context.enqueue(key);
    });
  }
}
