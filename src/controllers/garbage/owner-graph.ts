import type { OwnerReference } from '../../api/generated/types.ts';
import type { Kind } from '../../api/kind.ts';
import { groupResource, type KubeObject, keyOf, keyText, type Resource } from '../../api/resource.ts';
import type { Informer } from '../../client/informer.ts';
import type { ControllerContext } from '../runtime.ts';

export interface Dependent {
  informer: Informer;
  object: KubeObject;
}

/** Who owns whom, straight from the caches: an index by owner on every informer, nothing is copied. */
export class OwnerGraph {
  /** By `resource.group`. */
  readonly informers = new Map<string, Informer>();
  readonly #byKind = new Map<string, Informer>();

  readonly #context: Pick<ControllerContext, 'informer'>;

  constructor(context: Pick<ControllerContext, 'informer' | 'kinds'>) {
    this.#context = context;
    for (const resource of context.kinds.filter(isCollectable)) this.add(resource);
  }

  /** Takes a resource in: its objects own and are owned from now on. */
  add(resource: Resource): Informer {
    const informer = this.#context.informer(resource);
    informer.addIndex('owner', (o) => o.metadata.ownerReferences?.map((r) => r.uid) ?? []);
    this.informers.set(groupResource(resource), informer);
    this.#byKind.set(`${resource.group}/${resource.kind}`, informer);
    return informer;
  }

  remove(resource: Resource): void {
    this.informers.delete(groupResource(resource));
    this.#byKind.delete(`${resource.group}/${resource.kind}`);
  }

  /** Undefined for a kind that this server does not know. */
  informerOf({ apiVersion, kind }: OwnerReference): Informer | undefined {
    return this.#byKind.get(`${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}/${kind}`);
  }

  /** Objects with an owner of this kind, whether it exists or not. */
  keysOwnedBy({ group, kind }: Resource): string[] {
    const isOwner = (ref: OwnerReference) => ref.kind === kind && ref.apiVersion.startsWith(`${group}/`);
    return [...this.informers.values()].flatMap((informer) =>
      informer
        .list()
        .filter(({ metadata }) => metadata.ownerReferences?.some(isOwner))
        .map((object) => graphKey(informer, object)),
    );
  }

  dependentsOf(uid = ''): Dependent[] {
    return [...this.informers.values()].flatMap((informer) =>
      informer.index('owner', uid).map((object) => ({ informer, object })),
    );
  }

  /** An object, those it owns and those that own it: a change of one may free another. */
  keysAround(informer: Informer, object: KubeObject): string[] {
    const { uid, namespace, deletionTimestamp, ownerReferences = [] } = object.metadata;
    const isGone = informer.get(keyOf(object))?.metadata.uid !== uid;
    const owners = ownerReferences.flatMap((ref) => {
      const at = this.informerOf(ref);
      const owner = at?.get(keyOfOwner(ref, at.resource, namespace));
      return at && owner?.metadata.deletionTimestamp ? [graphKey(at, owner)] : [];
    });
    const below = isGone || deletionTimestamp ? this.dependentsOf(uid).map((d) => graphKey(d.informer, d.object)) : [];
    return [graphKey(informer, object), ...owners, ...below];
  }
}

/** `resource.group namespace/name`. */
const graphKey = (informer: Informer, object: KubeObject): string =>
  `${groupResource(informer.resource)} ${keyText(keyOf(object))}`;

export const keyOfOwner = (ref: OwnerReference, resource: Resource, namespace = '') =>
  resource.namespaced && namespace ? { namespace, name: ref.name } : { name: ref.name };

const needed = ['list', 'watch', 'delete', 'patch'];

/** Events have no owners and are many. */
const isCollectable = (kind: Kind): boolean =>
  kind.resource !== 'events' && needed.every((verb) => kind.verbs.includes(verb));
