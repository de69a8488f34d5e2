import { isDeepStrictEqual } from 'node:util';
import type { LabelSelector, Pod, Service } from '../api/generated/types.ts';
import type { Resource } from '../api/resource.ts';

interface Owner {
  kind?: string;
  metadata: { uid?: string };
  spec: { selector?: LabelSelector | Record<string, string> };
}

/**
 * What selects a pod and its siblings: the Services of its namespace and the controller that owns it. Pods that say nothing
 * of how they are to be spread are spread among these (KEP-1258).
 */
export class OwnerSelectors {
  readonly #services = new Map<string, Map<string, Record<string, string>>>();
  readonly #owners = new Map<string, LabelSelector>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  setService({ metadata, spec }: Service): void {
    const namespace = metadata.namespace ?? '';
    const services = this.#services.get(namespace) ?? new Map<string, Record<string, string>>();
    this.#services.set(namespace, services);
    this.#set(services, metadata.name, spec?.selector ?? {});
  }

  removeService({ metadata }: Service): void {
    const services = this.#services.get(metadata.namespace ?? '');
    services?.delete(metadata.name);
    if (services?.size === 0) this.#services.delete(metadata.namespace ?? '');
    this.#onChange();
  }

  /** `resource`: a ReplicationController's selector is a plain set of labels. */
  setOwner({ kind }: Pick<Resource, 'kind'>, { metadata, spec }: Owner): void {
    const { selector } = spec;
    const plain = { matchLabels: selector as Record<string, string> | undefined };
    const owned = kind === 'ReplicationController' ? plain : ((selector ?? {}) as LabelSelector);
    this.#set(this.#owners, metadata.uid ?? '', owned);
  }

  /** Most changes of a controller are of its status: they are none here. */
  #set<T>(known: Map<string, T>, key: string, selector: T): void {
    const old = known.get(key);
    known.set(key, selector);
    if (old !== selector && !isDeepStrictEqual(old, selector)) this.#onChange();
  }

  removeOwner({ metadata }: Owner): void {
    if (this.#owners.delete(metadata.uid ?? '')) this.#onChange();
  }

  /** All that select the pod, joined; undefined when there is nothing. */
  of({ metadata }: Pod): LabelSelector | undefined {
    const labels = metadata.labels ?? {};
    const matchLabels: Record<string, string> = {};
    for (const selector of this.#services.get(metadata.namespace ?? '')?.values() ?? []) {
      const wanted = Object.entries(selector);
      if (wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value))
        Object.assign(matchLabels, selector);
    }
    const controller = metadata.ownerReferences?.find((reference) => reference.controller);
    const owned = controller && this.#owners.get(controller.uid);
    Object.assign(matchLabels, owned?.matchLabels);
    const matchExpressions = owned?.matchExpressions ?? [];
    if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) return undefined;
    return { matchLabels, matchExpressions };
  }
}
