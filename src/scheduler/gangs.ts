import type { Pod, PodGroup } from '../api/generated/types.ts';
import type { Catalog } from '../placement/catalog.ts';

/** Pods that are scheduled together or not at all (PodGroup with a gang policy, scheduling.k8s.io/v1alpha2, KEP-4671). */
export interface Gang {
  readonly group: PodGroup;
  /** With fewer of them nothing is started. */
  readonly minCount: number;
  /** All that there are, by uid; with and without a node. */
  readonly pods: ReadonlyMap<string, Pod>;
}

/** Which pods belong together. */
export class Gangs {
  readonly #groups: () => Catalog<PodGroup>;
  /** By namespace and name of the group. */
  readonly #pods = new Map<string, Map<string, Pod>>();

  constructor(groups: () => Catalog<PodGroup>) {
    this.#groups = groups;
  }

  set(pod: Pod): void {
    const key = groupKey(pod);
    if (key === undefined) return;
    const pods = this.#pods.get(key) ?? new Map<string, Pod>();
    this.#pods.set(key, pods.set(pod.metadata.uid as string, pod));
  }

  remove(pod: Pod): void {
    const key = groupKey(pod);
    if (key === undefined) return;
    const pods = this.#pods.get(key);
    pods?.delete(pod.metadata.uid as string);
    if (pods?.size === 0) this.#pods.delete(key);
  }

  /** Uids of all pods that name a group, whether it is there or not. */
  uidsOf(key: string | undefined): Iterable<string> {
    return this.#pods.get(key ?? '')?.keys() ?? [];
  }

  /** Undefined: the pod is on its own. */
  of(pod: Pod): Gang | undefined {
    const name = pod.spec.schedulingGroup?.podGroupName;
    const group = name === undefined ? undefined : this.#groups().get(name, pod.metadata.namespace);
    const minCount = group?.spec.schedulingPolicy.gang?.minCount;
    if (!group || minCount === undefined) return undefined;
    return { group, minCount, pods: this.#pods.get(groupKey(pod) ?? '') ?? new Map() };
  }

  /** Why the pod must not be tried yet, in Kubernetes' words. */
  blockedBy(pod: Pod): string | undefined {
    const name = pod.spec.schedulingGroup?.podGroupName;
    if (name === undefined) return undefined;
    if (!this.#groups().get(name, pod.metadata.namespace)) {
      return `waiting for pods's pod group "${name}" to appear in scheduling queue`;
    }
    const gang = this.of(pod);
    return gang && gang.pods.size < gang.minCount
      ? 'waiting for minCount pods from a gang to appear in scheduling queue'
      : undefined;
  }
}

/** `namespace/group`; undefined for a pod that names none. */
export const groupKey = ({ metadata, spec }: Pod): string | undefined =>
  spec.schedulingGroup?.podGroupName && `${metadata.namespace}/${spec.schedulingGroup.podGroupName}`;
