import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from '../../api/generated/types.ts';
import { Catalog, catalogKey } from '../catalog.ts';
import { claimNamesOf } from './claim-names.ts';

/**
 * What is known of storage: claims, volumes, classes and what nodes can attach. The scheduler puts its assumptions in here
 * too (a volume reserved for a claim); the next state of the object replaces them.
 */
export class VolumeCatalog {
  readonly claims: Catalog<PersistentVolumeClaim>;
  readonly volumes: Catalog<PersistentVolume>;
  readonly classes: Catalog<StorageClass>;
  readonly nodes: Catalog<CSINode>;
  readonly drivers: Catalog<CSIDriver>;
  readonly capacities: Catalog<CSIStorageCapacity>;
  /** How many pods on nodes use a claim, by its key. */
  readonly #users = new Map<string, number>();

  constructor(onChange: () => void) {
    this.claims = new Catalog(onChange);
    this.volumes = new Catalog(onChange);
    this.classes = new Catalog(onChange);
    this.nodes = new Catalog(onChange);
    this.drivers = new Catalog(onChange);
    this.capacities = new Catalog(onChange);
  }

  usersOf({ metadata }: PersistentVolumeClaim): number {
    return this.#users.get(catalogKey({ metadata })) ?? 0;
  }

  /** Counts the claims of a pod that comes to (1) or leaves (-1) a node. */
  count(pod: Pod, sign: 1 | -1): void {
    if (!pod.spec.volumes?.length) return;
    for (const name of claimNamesOf(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      const users = (this.#users.get(key) ?? 0) + sign;
      if (users > 0) this.#users.set(key, users);
      else this.#users.delete(key);
    }
  }
}
