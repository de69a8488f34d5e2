import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  deviceclasses,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  poddisruptionbudgets,
  podgroups,
  pods,
  replicasets,
  replicationcontrollers,
  resourceclaims,
  resourceslices,
  services,
  statefulsets,
  storageclasses,
} from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import type { KubeObject, Resource } from '../api/resource.ts';
import { Informer, type InformerDeps } from '../client/informer.ts';
import type { Catalog } from '../placement/catalog.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { type ClusterEvent, type EventKind, nodeEvents } from './cluster-events.ts';

/** What a resource is to the snapshot, and what a change of it can mean for pods that wait. */
interface Followed<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  /** May not be served (`--runtime-config`): nothing waits for it. */
  readonly isOptional?: boolean;
  set(snapshot: Snapshot, object: T, old: T | undefined): readonly ClusterEvent[];
  remove(snapshot: Snapshot, object: T): readonly ClusterEvent[];
}

const follow = <T extends KubeObject>(followed: Followed<T>): Followed => followed as unknown as Followed;

const inCatalog = <T extends KubeObject>(
  resource: Resource<T>,
  catalogOf: (snapshot: Snapshot) => Catalog<T>,
  event?: EventKind,
): Followed =>
  follow({
    resource,
    set(snapshot, object) {
      catalogOf(snapshot).set(object);
      return event ? [{ kind: event }] : [];
    },
    remove(snapshot, object) {
      catalogOf(snapshot).remove(object);
      return [];
    },
  });

/** Controllers whose pods are spread like one another. */
const owner = <T extends KubeObject & { spec: object }>(resource: Resource<T>): Followed =>
  follow({
    resource,
    set(snapshot, object, old) {
      if (object.spec !== old?.spec) snapshot.selectors.setOwner(resource, object);
      return [];
    },
    remove(snapshot, object) {
      snapshot.selectors.removeOwner(object);
      return [];
    },
  });

/** Everything but pods. */
const followed: readonly Followed[] = [
  follow({
    resource: nodes,
    set(snapshot, node) {
      const change = snapshot.updateNode(node);
      return nodeEvents(change, snapshot.slotOf(node.metadata.name));
    },
    remove(snapshot, { metadata }) {
      snapshot.removeNode(metadata.name);
      return [{ kind: 'node.deleted', node: metadata.name }];
    },
  }),
  follow({
    resource: namespaces,
    set(snapshot, { metadata }, old) {
      if (old && old.metadata.labels === metadata.labels) return [];
      snapshot.setNamespace(metadata.name, metadata.labels ?? {});
      return [{ kind: 'namespace.labels' }];
    },
    remove(snapshot, { metadata }) {
      snapshot.setNamespace(metadata.name, undefined);
      return [];
    },
  }),
  follow({
    resource: services,
    set(snapshot, service, old) {
      if (service.spec !== old?.spec) snapshot.selectors.setService(service);
      return [];
    },
    remove(snapshot, service) {
      snapshot.selectors.removeService(service);
      return [];
    },
  }),
  owner(replicationcontrollers),
  owner(replicasets),
  owner(statefulsets),
  follow({
    resource: podgroups,
    isOptional: true,
    set(snapshot, group) {
      snapshot.podGroups.set(group);
      return [{ kind: 'podgroup.changed', group }];
    },
    remove(snapshot, group) {
      snapshot.podGroups.remove(group);
      return [];
    },
  }),
  inCatalog(poddisruptionbudgets, (snapshot) => snapshot.budgets),
  inCatalog(persistentvolumeclaims, ({ volumes }) => volumes.claims, 'volume.changed'),
  inCatalog(persistentvolumes, ({ volumes }) => volumes.volumes, 'volume.changed'),
  inCatalog(storageclasses, ({ volumes }) => volumes.classes, 'volume.changed'),
  inCatalog(deviceclasses, ({ devices }) => devices.classes, 'device.changed'),
  inCatalog(resourceclaims, ({ devices }) => devices.claims, 'device.changed'),
  inCatalog(resourceslices, ({ devices }) => devices.slices, 'device.changed'),
  inCatalog(csinodes, ({ volumes }) => volumes.nodes, 'csinode.changed'),
  inCatalog(csidrivers, ({ volumes }) => volumes.drivers, 'volume.changed'),
  inCatalog(csistoragecapacities, ({ volumes }) => volumes.capacities, 'volume.changed'),
];

export interface PodHandler {
  set(old: Pod | undefined, pod: Pod): void;
  remove(pod: Pod): void;
  /** Something else changed. */
  happened(event: ClusterEvent): void;
}

/** Keeps a snapshot current with the cluster, and tells of pods and of what may help those that wait. */
export class ClusterView {
  readonly snapshot = new Snapshot();
  /** Resolves when everything has been read once. */
  readonly synced: Promise<unknown>;
  readonly #informers: Informer[] = [];

  constructor(deps: InformerDeps, handler: PodHandler) {
    const awaited: Informer[] = [];
    for (const one of followed) {
      const informer = new Informer(deps, one.resource);
      this.#follow(informer, one, handler);
      if (!one.isOptional) awaited.push(informer);
    }
    const pending = new Informer<Pod>(deps, pods, { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' });
    pending.addHandler({
      added: (pod) => handler.set(undefined, pod),
      updated: (old, pod) => handler.set(old, pod),
      deleted: (pod) => handler.remove(pod),
    });
    for (const list of [this.#informers, awaited]) list.push(pending as unknown as Informer);
    for (const informer of this.#informers) informer.start();
    this.synced = Promise.all(awaited.map((informer) => informer.synced));
  }

  stop(): void {
    for (const informer of this.#informers) informer.stop();
  }

  #follow(informer: Informer, { set, remove }: Followed, handler: PodHandler): void {
    const tell = (events: readonly ClusterEvent[]) => {
      for (const event of events) handler.happened(event);
    };
    informer.addHandler({
      added: (object) => tell(set(this.snapshot, object, undefined)),
      updated: (old, object) => tell(set(this.snapshot, object, old)),
      deleted: (object) => tell(remove(this.snapshot, object)),
    });
    this.#informers.push(informer);
  }
}
