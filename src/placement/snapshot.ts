import type { Node, Pod, PodDisruptionBudget, PodGroup, PodSpec } from '../api/generated/types.ts';
import { Catalog } from './catalog.ts';
import { ChangeLog } from './change-log.ts';
import { DeviceCatalog } from './devices/device-catalog.ts';
import { HomelessPods } from './homeless-pods.ts';
import { ImageIndex } from './image-index.ts';
import { LabelColumns, nodeNameKey } from './label-columns.ts';
import { allocatableOf, isUnchanged, type NodeChange, type NodeInfo, nodeChange, type PlacedPod } from './node-info.ts';
import { type PodRequirement, RequirementCache } from './pod-requirement.ts';
import { Nominations } from './nominations.ts';
import { OwnerSelectors } from './owner-selectors.ts';
import { PodMatchers } from './pod-matchers.ts';
import { OwnedTerms, PodTermCache, type PodTerms } from './pod-terms.ts';
import { ResourceColumns } from './resource-columns.ts';
import { TaintSets } from './taints.ts';
import { VolumeCatalog } from './volumes/volume-catalog.ts';

const initialCapacity = 64;

/**
 * Nodes and the pods on them, in columns over node slots. Kept current by single changes, each at a cost that does not
 * depend on the size of the cluster; `changes` tells of them. A node keeps its slot as long as it exists.
 */
export class Snapshot {
  readonly resources = new ResourceColumns(initialCapacity);
  readonly taintSets = new TaintSets();
  readonly images = new ImageIndex();
  readonly labels: LabelColumns;
  /** Pods counted by what selects them. */
  readonly matchers: PodMatchers;
  /** What pods on nodes say of others. */
  readonly ownedTerms = new OwnedTerms();
  /** Taint set id by slot. */
  taints = new Int32Array(initialCapacity);
  /** 1 where `spec.unschedulable` is set. */
  cordoned = new Uint8Array(initialCapacity);
  /** The first `size` are the slots in use, in no particular but a repeatable order. */
  slots = new Int32Array(initialCapacity);
  size = 0;
  /** How many nodes have come, ever. */
  nodesAdded = 0;
  readonly changes = new ChangeLog();
  /** Claims, volumes and what nodes can attach. */
  readonly volumes = new VolumeCatalog(() => this.changes.everything());
  readonly podGroups = new Catalog<PodGroup>(() => {});
  readonly budgets = new Catalog<PodDisruptionBudget>(() => this.changes.everything());
  /** Pods that were promised a node. */
  readonly nominations = new Nominations((node) => {
    const slot = this.slotOf(node);
    if (slot !== undefined) this.changes.slot(slot);
  });
  /** Device claims, classes and what drivers offer. */
  readonly devices = new DeviceCatalog(() => this.changes.everything());
  /** Services and controllers that select pods. */
  readonly selectors = new OwnerSelectors(() => this.changes.everything());
  /** How many nodes have a taint, are cordoned, or carry a pod with host ports: filters with nothing to do leave at once. */
  readonly counts = { tainted: 0, cordoned: 0 };

  readonly #requirements: RequirementCache;
  readonly #terms = new PodTermCache();
  readonly #nodes: (NodeInfo | undefined)[] = [];
  readonly #slotOf = new Map<string, number>();
  readonly #positions: number[] = [];
  readonly #freeSlots: number[] = [];
  /** How many pods on nodes have a priority. */
  readonly #priorities = new Map<number, number>();
  readonly #pods = new Map<string, PlacedPod>();
  readonly #homeless = new HomelessPods();

  constructor() {
    this.labels = new LabelColumns(initialCapacity, (key, slot) => {
      const info = this.#nodes[slot];
      return key === nodeNameKey ? info?.name : info?.node.metadata.labels?.[key];
    });
    this.#requirements = new RequirementCache(this);
    this.matchers = new PodMatchers(initialCapacity, () => this.#placedPods());
  }

  /** Undefined for a slot that is free. */
  node(slot: number): NodeInfo | undefined {
    return this.#nodes[slot];
  }

  slotOf(name: string): number | undefined {
    return this.#slotOf.get(name);
  }

  pod(uid: string): PlacedPod | undefined {
    return this.#pods.get(uid);
  }

  get podCount(): number {
    return this.#pods.size;
  }

  /** Whether some pod on a node is less important than `priority`. */
  hasPodBelow(priority: number): boolean {
    for (const known of this.#priorities.keys()) if (known < priority) return true;
    return false;
  }

  requirementOf(spec: PodSpec): PodRequirement {
    return this.#requirements.of(spec);
  }

  termsOf(pod: Pod): PodTerms {
    return this.#terms.of(pod);
  }

  /** Namespaces are selected by their labels; undefined: it is gone. */
  setNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    this.matchers.setNamespace(name, labels);
    this.changes.everything();
  }

  /** Adds the node or takes over its current state. */
  updateNode(node: Node): NodeChange {
    const name = node.metadata.name;
    const known = this.#slotOf.get(name);
    const slot = known ?? this.#takeSlot(name);
    const old = this.#nodes[slot];
    const change = nodeChange(old?.node, node);
    if (old && isUnchanged(change)) {
      this.#nodes[slot] = { ...old, node };
      return change;
    }
    const allocatable = old && !change.allocatable ? old.allocatable : allocatableOf(node);
    this.#nodes[slot] = {
      name,
      node,
      slot,
      born: old?.born ?? ++this.nodesAdded,
      allocatable,
      pods: old?.pods ?? new Map(),
      hostPorts: old?.hostPorts ?? [],
    };
    if (change.allocatable) this.resources.setAllocatable(slot, allocatable);
    if (change.labels) this.labels.refresh(slot);
    if (change.taints) this.#setTaints(slot, node);
    if (change.images) {
      this.images.remove(slot, old?.node.status?.images);
      this.images.add(slot, node.status?.images);
    }
    if (!old) this.#takeIn(name);
    this.changes.everything();
    return change;
  }

  /** Its pods stay known, and count again when a node of that name comes back. */
  removeNode(name: string): void {
    const slot = this.#slotOf.get(name);
    const info = slot === undefined ? undefined : this.#nodes[slot];
    if (slot === undefined || !info) return;
    for (const placed of info.pods.values()) {
      this.#count(info, placed, -1);
      this.#homeless.add(placed);
    }
    this.images.remove(slot, info.node.status?.images);
    this.#setTaints(slot, undefined);
    this.resources.clear(slot);
    this.#nodes[slot] = undefined;
    this.labels.refresh(slot);
    this.#releaseSlot(name, slot);
    this.changes.everything();
  }

  /** Counts the pod on `nodeName`; a pod that is already counted moves or takes over its new state. */
  addPod(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid as string;
    const requirement = this.requirementOf(pod.spec);
    const old = this.#pods.get(uid);
    const placed: PlacedPod = { uid, pod, requirement, terms: this.termsOf(pod), nodeName };
    if (old && old.nodeName === nodeName && old.requirement === requirement) return this.#swap(old, placed);
    if (old) this.removePod(uid);
    this.#pods.set(uid, placed);
    const info = this.#nodes[this.#slotOf.get(nodeName) ?? -1];
    if (info) {
      info.pods.set(uid, placed);
      this.#count(info, placed, 1);
      this.changes.slot(info.slot);
    } else this.#homeless.add(placed);
  }

  removePod(uid: string): void {
    const placed = this.#pods.get(uid);
    if (!placed) return;
    this.#pods.delete(uid);
    const info = this.#nodes[this.#slotOf.get(placed.nodeName) ?? -1];
    if (!info?.pods.delete(uid)) return this.#homeless.remove(placed);
    this.#count(info, placed, -1);
    this.changes.slot(info.slot);
  }

  /** Tries something out: what `run` changes it must have taken back when it returns. */
  tentatively<T>(run: () => T): T {
    const { generation } = this.changes;
    const result = run();
    this.changes.generation = generation;
    return result;
  }

  /** Same node, same needs: only the object is a later one. */
  #swap(old: PlacedPod, placed: PlacedPod): void {
    this.#pods.set(placed.uid, placed);
    const info = this.#nodes[this.#slotOf.get(placed.nodeName) ?? -1];
    if (!info) {
      this.#homeless.add(placed);
      return;
    }
    info.pods.set(placed.uid, placed);
    const [before, after] = [old.pod.metadata, placed.pod.metadata];
    if (before.labels === after.labels && before.deletionTimestamp === after.deletionTimestamp) return;
    this.matchers.count(old, info.slot, -1);
    this.matchers.count(placed, info.slot, 1);
    this.changes.slot(info.slot);
  }

  *#placedPods(): Generator<{ placed: PlacedPod; slot: number }> {
    for (const info of this.#nodes)
      for (const placed of info?.pods.values() ?? []) yield { placed, slot: info?.slot as number };
  }

  #count(info: NodeInfo, placed: PlacedPod, sign: 1 | -1): void {
    const { requirement, pod } = placed;
    this.matchers.count(placed, info.slot, sign);
    this.ownedTerms.count(placed, info.slot, sign);
    this.volumes.count(pod, sign);
    const priority = pod.spec.priority ?? 0;
    const alike = (this.#priorities.get(priority) ?? 0) + sign;
    if (alike === 0) this.#priorities.delete(priority);
    else this.#priorities.set(priority, alike);
    this.resources.count(info.slot, requirement.bound, sign);
    this.resources.countForScoring(info.slot, requirement.scored, sign);
    for (const port of requirement.hostPorts) {
      if (sign === 1) info.hostPorts.push(port);
      else info.hostPorts.splice(info.hostPorts.indexOf(port), 1);
    }
  }

  #setTaints(slot: number, node: Node | undefined): void {
    const taintSet = this.taintSets.idOf(node?.spec?.taints);
    this.counts.tainted += Math.sign(taintSet) - Math.sign(this.taints[slot] as number);
    this.taints[slot] = taintSet;
    const cordoned = node?.spec?.unschedulable ? 1 : 0;
    this.counts.cordoned += cordoned - (this.cordoned[slot] as number);
    this.cordoned[slot] = cordoned;
  }

  /** Counts the pods that were here before their node was. */
  #takeIn(name: string): void {
    const info = this.#nodes[this.#slotOf.get(name) ?? -1] as NodeInfo;
    for (const placed of this.#homeless.take(name)) {
      info.pods.set(placed.uid, placed);
      this.#count(info, placed, 1);
    }
  }

  #takeSlot(name: string): number {
    const slot = this.#freeSlots.pop() ?? this.size;
    if (slot >= this.slots.length) this.#grow(this.slots.length * 2);
    this.#slotOf.set(name, slot);
    this.#positions[slot] = this.size;
    this.slots[this.size++] = slot;
    return slot;
  }

  #releaseSlot(name: string, slot: number): void {
    this.#slotOf.delete(name);
    this.#freeSlots.push(slot);
    const position = this.#positions[slot] as number;
    const last = this.slots[--this.size] as number;
    this.slots[position] = last;
    this.#positions[last] = position;
  }

  #grow(capacity: number): void {
    const taints = new Int32Array(capacity);
    taints.set(this.taints);
    this.taints = taints;
    const cordoned = new Uint8Array(capacity);
    cordoned.set(this.cordoned);
    this.cordoned = cordoned;
    const slots = new Int32Array(capacity);
    slots.set(this.slots);
    this.slots = slots;
    this.resources.grow(capacity);
    this.labels.grow(capacity);
    this.matchers.grow(capacity);
  }
}
