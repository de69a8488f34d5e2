import type { Pod } from '../api/generated/types.ts';
import type { InformerDeps } from '../client/informer.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import { release } from './binding.ts';
import { type ClusterEvent, podEvents } from './cluster-events.ts';
import { ClusterView, type PodHandler } from './cluster-view.ts';
import type { SchedulerConfiguration } from './configuration.ts';
import { extenderHints } from './extenders/consultation.ts';
import { Gangs, groupKey } from './gangs.ts';
import type { HintingPlugin } from './parked-pods.ts';
import type { PermitBarrier } from './permit-barrier.ts';
import type { Placed, SchedulerPlugin } from './plugin.ts';
import { pluginsOf, type Profile } from './profile.ts';
import { type QueueObserver, SchedulingQueue } from './queue.ts';
import { Waiters } from './waiters.ts';

/** A pod on its way to be bound. */
export interface Assumed {
  readonly placed: Placed;
  readonly profile: Profile;
  /** Of a gang: it is bound when the others can be, too. */
  readonly barrier?: PermitBarrier | undefined;
}

export interface WaitingPodsOptions {
  readonly profiles: readonly Profile[];
  readonly backoff?: SchedulerConfiguration['backoff'] | undefined;
  readonly observer?: QueueObserver | undefined;
  /** Of the pods that are ours. */
  profileOf(pod: Pod): Profile | undefined;
  /** Something can be tried. */
  onReady(): void;
}

/**
 * Pods that have no node yet, as the cluster tells of them: their place in the queue, the gangs they are of, the nodes that
 * were promised to them, and those whose binding is under way, which the informer shows without a node still.
 */
export class WaitingPods implements PodHandler {
  readonly queue: SchedulingQueue;
  readonly gangs = new Gangs(() => this.snapshot.podGroups);
  /** Binding steps that wait for something in the cluster. */
  readonly waiters: Waiters;
  readonly #options: WaitingPodsOptions;
  readonly #view: ClusterView;
  readonly #assumed = new Map<string, Assumed>();

  constructor(deps: InformerDeps, options: WaitingPodsOptions) {
    const { profiles, backoff, observer, onReady } = options;
    this.#options = options;
    this.waiters = new Waiters(deps.clock);
    this.queue = new SchedulingQueue(deps.clock, {
      compare: profiles[0]?.at.queueSort[0]?.compare,
      blockedBy: (pod) => this.#blockedBy(pod),
      plugins: new Map(
        [...profiles.flatMap(pluginsOf).map(hintingPlugin), extenderHints].map((plugin) => [plugin.name, plugin]),
      ),
      snapshot: () => this.snapshot,
      backoff,
      observer,
      onReady,
    });
    this.#view = new ClusterView(deps, this);
  }

  get snapshot(): Snapshot {
    return this.#view.snapshot;
  }

  /** Resolves when everything has been read once. */
  get synced(): Promise<unknown> {
    return this.#view.synced;
  }

  get assumed(): number {
    return this.#assumed.size;
  }

  stop(): void {
    this.#view.stop();
    this.queue.stop();
    this.waiters.stop();
  }

  /** Bound, or about to be. */
  hasNode({ spec, metadata }: Pod): boolean {
    return Boolean(spec.nodeName) || this.#assumed.has(metadata.uid as string);
  }

  assume(assumed: Assumed): void {
    this.#assumed.set(assumed.placed.pod.metadata.uid as string, assumed);
  }

  /** The binding failed: what the pod took is free again. False: it is bound or gone all the same. */
  forget({ placed, profile }: Assumed): boolean {
    const { pod, slot } = placed;
    if (!this.#assumed.delete(pod.metadata.uid as string)) return false;
    release(profile, placed);
    this.happened({ kind: 'pod.deleted', slot, pod });
    return true;
  }

  happened(event: ClusterEvent): void {
    if (event.kind === 'node.deleted')
      for (const pod of [...this.snapshot.nominations.on(event.node ?? '')]) this.breakPromise(pod);
    if (event.group) {
      const { namespace, name } = event.group.metadata;
      this.queue.recheck(this.gangs.uidsOf(`${namespace}/${name}`));
    }
    this.queue.onEvent(event);
    this.waiters.poke();
  }

  set(old: Pod | undefined, pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.gangs.set(pod);
    if (pod.spec.nodeName) {
      this.#assumed.delete(uid);
      this.queue.remove(uid);
      this.snapshot.addPod(pod, pod.spec.nodeName);
      this.breakPromise(pod);
      for (const event of podEvents(old, pod, this.snapshot.slotOf(pod.spec.nodeName))) this.happened(event);
      return;
    }
    this.#heedPromise(old, pod);
    if (pod.metadata.deletionTimestamp || !this.#options.profileOf(pod)) {
      this.queue.remove(uid);
      this.breakPromise(pod);
      return;
    }
    this.queue.add(pod);
    if (pod.spec.schedulingGroup) this.queue.recheck(this.gangs.uidsOf(groupKey(pod)));
  }

  remove(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.queue.remove(uid);
    this.gangs.remove(pod);
    const assumed = this.#assumed.get(uid);
    if (assumed) {
      this.#assumed.delete(uid);
      release(assumed.profile, assumed.placed);
      assumed.barrier?.fail(new Error(`pod ${pod.metadata.name} is gone`));
    }
    this.snapshot.removePod(uid);
    this.breakPromise(pod);
    if (pod.spec.nodeName) this.happened({ kind: 'pod.deleted', slot: this.snapshot.slotOf(pod.spec.nodeName), pod });
  }

  /** The pod waits for the node no more that was promised to it: others may have it. */
  breakPromise(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const node = this.snapshot.nominations.nodeOf(uid);
    if (node === undefined) return;
    this.snapshot.nominations.remove(uid);
    this.queue.bringBack(uid);
    this.happened({ kind: 'pod.deleted', slot: this.snapshot.slotOf(node), pod });
  }

  /** The pod's status names a node for it: ours or somebody else's word, or that of a scheduler before this one. */
  #heedPromise(old: Pod | undefined, pod: Pod): void {
    const promised = pod.status.nominatedNodeName;
    const uid = pod.metadata.uid as string;
    // One that is about to be bound counts on its node already.
    if (promised === old?.status.nominatedNodeName || this.#assumed.has(uid)) return;
    const { nominations } = this.snapshot;
    const before = nominations.nodeOf(uid);
    nominations.set(pod, promised);
    if (before === undefined || before === promised) return;
    this.happened({ kind: 'pod.deleted', slot: this.snapshot.slotOf(before), pod });
  }

  #blockedBy(pod: Pod): string | undefined {
    for (const plugin of this.#options.profileOf(pod)?.at.preEnqueue ?? []) {
      const reason = plugin.preEnqueue?.(pod);
      if (reason !== undefined) return reason;
    }
    return this.gangs.blockedBy(pod);
  }
}

const hintingPlugin = ({ name, hints = {}, filter }: SchedulerPlugin): HintingPlugin => ({
  name,
  hints,
  isLocal: filter?.local ?? false,
});
