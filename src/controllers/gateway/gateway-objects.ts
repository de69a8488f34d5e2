import { customresourcedefinitions } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import type { Informer } from '../../client/informer.ts';
import {
  type Gateway,
  gatewayGroup,
  type GatewayClass,
  type GRPCRoute,
  type HTTPRoute,
  type KindedRoute,
  type ReferenceGrant,
} from '../../ingress/gateway/types.ts';
import { customResourceOf } from '../custom-resource.ts';
import { type ControllerContext, type Watch, watch } from '../runtime.ts';

interface Followed {
  /** Of the definition: one that was made anew has other objects. */
  uid: string | undefined;
  informer: Informer;
  stop(): void;
}

const plurals = ['gatewayclasses', 'gateways', 'httproutes', 'grpcroutes', 'referencegrants'];

/** The objects of Gateway API, as long as their definitions are there, in the version that is stored. */
export class GatewayObjects {
  readonly #context: ControllerContext;
  readonly #key: string;
  readonly #definitions: Informer<CustomResourceDefinition>;
  readonly #followed = new Map<string, Followed>();

  /** All work is that of `key`. */
  constructor(context: ControllerContext, key: string) {
    this.#context = context;
    this.#key = key;
    this.#definitions = context.informer(customresourcedefinitions);
  }

  get watches(): Watch[] {
    return [watch(this.#definitions, ({ spec }) => (spec.group === gatewayGroup ? [this.#key] : []))];
  }

  /** Begins and ends watches as definitions come and go. False while objects are not all known: then there is nothing to do. */
  follow(): boolean {
    for (const plural of plurals) this.#follow(plural);
    return plurals.every((plural) => this.#followed.get(plural)?.informer.isSynced);
  }

  #follow(plural: string): void {
    const definition = this.#definitions.get({ name: `${plural}.${gatewayGroup}` });
    const resource = definition && customResourceOf(definition);
    const followed = this.#followed.get(plural);
    const uid = definition?.metadata.uid;
    if (followed && followed.uid === uid && followed.informer.resource.version === resource?.version) return;
    followed?.stop();
    this.#followed.delete(plural);
    if (!resource) return;
    const informer = this.#context.informer(resource);
    const stop = this.#context.watch(watch(informer, () => [this.#key]));
    this.#followed.set(plural, { uid, informer, stop });
    void informer.synced.then(() => this.#context.enqueue(this.#key));
  }

  /** The resource as it is served, for writes. */
  resource<T extends KubeObject>(plural: 'gatewayclasses' | 'gateways' | 'httproutes' | 'grpcroutes'): Resource<T> {
    const followed = this.#followed.get(plural);
    if (!followed) throw new Error(`${plural} are not followed`);
    return followed.informer.resource as Resource<T>;
  }

  get classes(): GatewayClass[] {
    return this.#list('gatewayclasses');
  }
  get gateways(): Gateway[] {
    return this.#list('gateways');
  }
  /** In the order of their kinds. */
  get routes(): KindedRoute[] {
    return [
      ...this.#list<HTTPRoute>('httproutes').map((route) => ({ kind: 'HTTPRoute' as const, route })),
      ...this.#list<GRPCRoute>('grpcroutes').map((route) => ({ kind: 'GRPCRoute' as const, route })),
    ];
  }
  get grants(): ReferenceGrant[] {
    return this.#list('referencegrants');
  }

  #list<T extends KubeObject>(plural: string): T[] {
    const objects = (this.#followed.get(plural)?.informer.list() ?? []) as T[];
    return objects.filter(({ metadata }) => !metadata.deletionTimestamp);
  }
}
