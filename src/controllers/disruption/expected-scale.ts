import { deployments, replicasets, replicationcontrollers, statefulsets } from '../../api/generated/resources.ts';
import type { OwnerReference, Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupResource, groupVersion, type KubeObject, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { controllerOf } from '../ownership.ts';
import type { ControllerContext } from '../runtime.ts';
import { Scales } from '../scales.ts';
import { needsScale } from './budget-plan.ts';

type Replicated = KubeObject & { spec?: { replicas?: number } };

export interface Scale {
  count: number;
  /** Pods that nobody manages: they are in no count. */
  unmanaged: number;
}

/** How many pods those who manage some pods want: from the caches what is known here, by its scale whatever else has one. */
export class ExpectedScale {
  readonly #scales: Scales;
  readonly #known: Map<string, Informer<Replicated>>;

  constructor(context: ControllerContext) {
    this.#scales = new Scales(context);
    const resources: Resource<Replicated>[] = [deployments, replicasets, statefulsets, replicationcontrollers] as never;
    this.#known = new Map(
      resources.map((resource) => [`${groupVersion(resource)}/${resource.kind}`, context.informer(resource)]),
    );
  }

  /** Rejects when an owner cannot be counted. */
  async of(client: Client, budget: PodDisruptionBudget, pods: Pod[]): Promise<Scale> {
    if (!needsScale(budget)) return { count: 0, unmanaged: 0 };
    const counts = new Map<string, number>();
    let unmanaged = 0;
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (!owner) unmanaged++;
      else if (!counts.has(owner.uid)) await this.#count(client, { pod, owner, counts });
    }
    // A Deployment with two sets is counted once, under its own uid.
    return { count: [...counts.values()].reduce((sum, n) => sum + n, 0), unmanaged };
  }

  async #count(
    client: Client,
    { pod, owner, counts }: { pod: Pod; owner: OwnerReference; counts: Map<string, number> },
  ): Promise<void> {
    const { namespace } = pod.metadata;
    const cached = this.#cached(owner, namespace);
    if (cached) {
      const above = controllerOf(cached);
      const deployment = above?.kind === 'Deployment' ? this.#cached(above, namespace) : undefined;
      counts.set(owner.uid, 0);
      const top = deployment ?? cached;
      counts.set(top.metadata.uid ?? '', top.spec?.replicas ?? 1);
      return;
    }
    counts.set(owner.uid, await this.#scaleOf(client, { pod, owner }));
  }

  #cached({ apiVersion, kind, name, uid }: OwnerReference, namespace: string | undefined): Replicated | undefined {
    const found = this.#known.get(`${apiVersion}/${kind}`)?.get({ namespace, name });
    return found?.metadata.uid === uid ? found : undefined;
  }

  async #scaleOf(client: Client, { pod, owner }: { pod: Pod; owner: OwnerReference }): Promise<number> {
    const resource = this.#scales.resourceOf(owner);
    const unknown = new Error(`found no controllers for pod "${pod.metadata.name}"`);
    if (!resource) throw unknown;
    if (!this.#scales.hasScale(owner)) {
      throw new Error(`${groupResource(resource)} does not implement the scale subresource`);
    }
    try {
      const scale = await this.#scales.get(client, resource, { namespace: pod.metadata.namespace, name: owner.name });
      if (scale.metadata.uid === owner.uid) return scale.spec?.replicas ?? 0;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    throw unknown;
  }
}
