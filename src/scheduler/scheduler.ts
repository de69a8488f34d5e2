import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder } from '../client/event-recorder.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import { bind, BindingFailure, release, reserve } from './binding.ts';
import { type ClusterEvent, podEvents } from './cluster-events.ts';
import { ClusterView } from './cluster-view.ts';
import type { SchedulerConfiguration } from './configuration.ts';
import { explain, schedule, type Unschedulable } from './cycle.ts';
import type { NodeVerdict } from './diagnosis.ts';
import { type PlaceResult, placeTogether } from './gang-cycle.ts';
import { type Gang, Gangs, groupKey } from './gangs.ts';
import { WindowMemory } from './node-window.ts';
import type { HintingPlugin } from './parked-pods.ts';
import { PermitBarrier } from './permit-barrier.ts';
import type { Placed, PostFilterResult, SchedulerPlugin } from './plugin.ts';
import { defaultProfile } from './plugins.ts';
import { makeRoom } from './preemption/eviction.ts';
import { priorityOf } from './preemption/victims.ts';
import { pluginsOf, type Profile } from './profile.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { referenceOf, reportFailure, reportGang } from './pod-writes.ts';
import { unschedulableMessage } from './unschedulable-message.ts';
import { Waiters } from './waiters.ts';

export interface SchedulerDeps {
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface SchedulerOptions {
  /** Pods whose `spec.schedulerName` is the name of one of these are ours. */
  profiles?: readonly Profile[] | undefined;
  backoff?: SchedulerConfiguration['backoff'] | undefined;
}

export interface Scheduler {
  /** Why a pod has no node yet, of the last attempt; undefined when it does not wait here. */
  pending(uid: string): QueuedPod | undefined;
  /** Node by node, why the pod cannot go there as the cluster is now. */
  explain(pod: Pod): Map<string, NodeVerdict>;
  stop(): void;
}

const defaultName = 'default-scheduler';
/** Nodes looked at in one turn of the loop: some milliseconds. */
const nodesPerTurn = 5_000;
/** Small clusters: a turn ends after this many attempts all the same. */
const attemptsPerTurn = 25;
/** Bindings and conditions being written at once; more pods wait in the queue. */
const maxWrites = 128;

/**
 * Gives pods their nodes. Decides from its own snapshot, in which a chosen pod counts at once; the binding is written
 * meanwhile, and taken back when it fails.
 */
export function startScheduler(deps: SchedulerDeps, options: SchedulerOptions = {}): Scheduler {
  return new SchedulerLoop(deps, options);
}

interface Schedules {
  readonly profile: Profile;
  readonly memory: WindowMemory;
  readonly recorder: BroadcastingRecorder;
}

/** A pod on its way to be bound. */
interface Assumed {
  readonly placed: Placed;
  readonly schedules: Schedules;
  /** Of a gang: it is bound when the others can be, too. */
  readonly barrier?: PermitBarrier | undefined;
}

type Nominated = NonNullable<PostFilterResult['nominated']>;

class SchedulerLoop implements Scheduler {
  readonly #deps: SchedulerDeps;
  /** By the name that pods ask for. */
  readonly #schedules: ReadonlyMap<string, Schedules>;
  readonly #queue: SchedulingQueue;
  readonly #waiters: Waiters;
  readonly #view: ClusterView;
  /** Pods whose binding is under way: the informer does not show their node yet. */
  readonly #assumed = new Map<string, Assumed>();
  readonly #gangs = new Gangs(() => this.#snapshot.podGroups);
  #start = 0;
  /** Requests under way. */
  #writes = 0;
  #cancelTurn: (() => void) | undefined;
  #isReady = false;
  #isStopped = false;

  constructor(deps: SchedulerDeps, { profiles = [defaultProfile], backoff }: SchedulerOptions) {
    this.#deps = deps;
    this.#schedules = new Map(
      profiles.map((profile) => {
        const recorder = new BroadcastingRecorder(deps, { component: profile.name });
        return [profile.name, { profile, memory: new WindowMemory(), recorder }];
      }),
    );
    this.#waiters = new Waiters(deps.clock);
    this.#queue = new SchedulingQueue(deps.clock, {
      compare: profiles[0]?.at.queueSort[0]?.compare,
      blockedBy: (pod) => this.#blockedBy(pod),
      plugins: new Map(profiles.flatMap(pluginsOf).map((plugin) => [plugin.name, hintingPlugin(plugin)])),
      snapshot: () => this.#snapshot,
      backoff,
      onReady: () => this.#wake(),
    });
    this.#view = new ClusterView(deps, {
      set: (old, pod) => this.#setPod(old, pod),
      remove: (pod) => this.#removePod(pod),
      happened: (event) => this.#happened(event),
    });
    void this.#view.synced.then(() => {
      this.#isReady = true;
      this.#wake();
    });
  }

  pending(uid: string): QueuedPod | undefined {
    return this.#queue.get(uid);
  }

  explain(pod: Pod): Map<string, NodeVerdict> {
    const { profile } = this.#scheduleOf(pod) ?? { profile: defaultProfile };
    return explain({ snapshot: this.#snapshot, profile }, pod);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTurn?.();
    this.#view.stop();
    this.#queue.stop();
    this.#waiters.stop();
    for (const { recorder } of this.#schedules.values()) recorder.stop();
  }

  get #snapshot(): Snapshot {
    return this.#view.snapshot;
  }

  #scheduleOf({ spec }: Pod): Schedules | undefined {
    return this.#schedules.get(spec.schedulerName ?? defaultName);
  }

  #blockedBy(pod: Pod): string | undefined {
    for (const plugin of this.#scheduleOf(pod)?.profile.at.preEnqueue ?? []) {
      const reason = plugin.preEnqueue?.(pod);
      if (reason !== undefined) return reason;
    }
    return this.#gangs.blockedBy(pod);
  }

  #happened(event: ClusterEvent): void {
    if (event.kind === 'node.deleted')
      for (const pod of [...this.#snapshot.nominations.on(event.node ?? '')]) this.#breakPromise(pod);
    if (event.group) {
      const { namespace, name } = event.group.metadata;
      this.#queue.recheck(this.#gangs.uidsOf(`${namespace}/${name}`));
    }
    this.#queue.onEvent(event);
    this.#waiters.poke();
  }

  #setPod(old: Pod | undefined, pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.#gangs.set(pod);
    if (pod.spec.nodeName) {
      this.#assumed.delete(uid);
      this.#queue.remove(uid);
      this.#snapshot.addPod(pod, pod.spec.nodeName);
      this.#breakPromise(pod);
      for (const event of podEvents(old, pod, this.#snapshot.slotOf(pod.spec.nodeName))) this.#happened(event);
      return;
    }
    const promised = pod.status.nominatedNodeName;
    if (promised !== old?.status.nominatedNodeName) this.#snapshot.nominations.set(pod, promised);
    if (pod.metadata.deletionTimestamp || !this.#scheduleOf(pod)) {
      this.#queue.remove(uid);
      this.#breakPromise(pod);
      return;
    }
    this.#queue.add(pod);
    if (pod.spec.schedulingGroup) this.#queue.recheck(this.#gangs.uidsOf(groupKey(pod)));
  }

  #removePod(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.#queue.remove(uid);
    this.#gangs.remove(pod);
    const assumed = this.#assumed.get(uid);
    if (assumed) {
      this.#assumed.delete(uid);
      release(assumed.schedules.profile, assumed.placed);
      assumed.barrier?.fail(new Error(`pod ${pod.metadata.name} is gone`));
    }
    this.#snapshot.removePod(uid);
    this.#breakPromise(pod);
    if (pod.spec.nodeName) this.#happened({ kind: 'pod.deleted', slot: this.#snapshot.slotOf(pod.spec.nodeName), pod });
  }

  /** The pod waits for the node no more that was promised to it: others may have it. */
  #breakPromise(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const node = this.#snapshot.nominations.nodeOf(uid);
    if (node === undefined) return;
    this.#snapshot.nominations.remove(uid);
    this.#queue.bringBack(uid);
    this.#happened({ kind: 'pod.deleted', slot: this.#snapshot.slotOf(node), pod });
  }

  /** Takes the next turn of the loop, so that everything else gets its own between two. */
  #wake(): void {
    if (this.#cancelTurn || !this.#isReady || this.#isStopped) return;
    this.#cancelTurn = this.#deps.clock.after(0, () => {
      this.#cancelTurn = undefined;
      this.#turn();
    });
  }

  #turn(): void {
    let evaluated = 0;
    for (let i = 0; i < attemptsPerTurn && evaluated < nodesPerTurn; i++) {
      if (this.#writes >= maxWrites) return;
      const queued = this.#queue.pop();
      if (!queued) return;
      const schedules = this.#scheduleOf(queued.pod);
      if (schedules) evaluated += this.#attempt(queued, schedules);
    }
    this.#wake();
  }

  /** Returns how many nodes were looked at. */
  #attempt(queued: QueuedPod, schedules: Schedules): number {
    const gang = this.#gangs.of(queued.pod);
    if (gang) return this.#attemptGang(queued, gang, schedules);
    const { result, evaluated } = this.#place(queued.pod, schedules);
    if (!result) return evaluated;
    if (!('diagnosis' in result)) {
      this.#startBinding(result, schedules);
      return evaluated;
    }
    this.#park(queued.pod, result, schedules);
    // Looking for somebody to send away took some time too.
    return Math.max(evaluated, this.#snapshot.size / 5);
  }

  /** Chooses a node and takes what the pod needs there; without a result that was not to be had. */
  #place(pod: Pod, schedules: Schedules): PlaceResult {
    const { profile, memory } = schedules;
    const snapshot = this.#snapshot;
    const placement = schedule({ snapshot, profile }, pod, { rng: this.#deps.rng, start: this.#start, memory });
    const { evaluated } = placement;
    this.#start = snapshot.size === 0 ? 0 : (this.#start + evaluated) % snapshot.size;
    if (!('node' in placement)) return { result: placement, evaluated };
    try {
      return { result: reserve(profile, snapshot, pod, placement), evaluated };
    } catch (error) {
      this.#fail(pod, error, schedules);
      return { evaluated };
    }
  }

  /** All that wait of a gang, in one go: if not enough of them find a node, none gets one. Nobody is sent away for them. */
  #attemptGang(first: QueuedPod, { group, minCount, pods: all }: Gang, schedules: Schedules): number {
    const { profile, recorder } = schedules;
    const peaceful = { ...schedules, profile: { ...profile, at: { ...profile.at, postFilter: [] } } };
    const hasNode = ({ spec, metadata }: Pod) => spec.nodeName || this.#assumed.has(metadata.uid as string);
    const before = [...all.values()].filter(hasNode).length;
    const members = [first, ...this.#queue.popWith(first, all.keys())].map(({ pod }) => pod);
    const { placed, failed, evaluated, shortage } = placeTogether(members, { before, minCount }, (pod) =>
      this.#place(pod, peaceful),
    );
    for (const { pod, why } of failed) this.#park(pod, why, peaceful);
    const said = {
      status: shortage ? 'False' : 'True',
      reason: shortage ? 'Unschedulable' : 'Scheduled',
      message: shortage ?? '',
    };
    void this.#write(() => reportGang(this.#deps, group, said));
    const barrier = new PermitBarrier(this.#deps.clock, placed.length);
    for (const one of shortage ? placed.toReversed() : placed) {
      if (!shortage) {
        this.#startBinding(one, schedules, barrier);
        continue;
      }
      release(profile, one);
      // Comes again with the others: an event that helps one of them brings all.
      this.#queue.park(one.pod.metadata.uid as string, { rejectedBy: new Set(['GangScheduling']) });
      void this.#write(() => reportFailure(this.#deps, one.pod, said, recorder));
    }
    return evaluated;
  }

  #startBinding(placed: Placed, schedules: Schedules, barrier?: PermitBarrier): void {
    this.#assumed.set(placed.pod.metadata.uid as string, { placed, schedules, barrier });
    void this.#write(() => this.#bind(placed, schedules, barrier));
  }

  #park(pod: Pod, why: Unschedulable, schedules: Schedules): void {
    const { diagnosis } = why;
    const { plugins } = diagnosis;
    const rejectedBy = plugins.size > 0 ? plugins : new Set(pluginsOf(schedules.profile).map(({ name }) => name));
    const message = unschedulableMessage(why);
    const nominated = why.remedies.find((remedy) => remedy.nominated)?.nominated;
    const isCleared = why.remedies.some((remedy) => remedy.clearsNomination);
    const had = this.#snapshot.nominations.nodeOf(pod.metadata.uid as string);
    const promised = nominated?.node ?? (isCleared ? undefined : had);
    if (promised === undefined) this.#breakPromise(pod);
    else this.#snapshot.nominations.set(pod, promised);
    this.#queue.park(pod.metadata.uid as string, { rejectedBy, diagnosis });
    const isNews = promised !== pod.status.nominatedNodeName;
    const nomination = isNews ? { nominatedNodeName: promised ?? null } : {};
    void this.#write(() =>
      reportFailure(this.#deps, pod, { reason: 'Unschedulable', message, nomination }, schedules.recorder),
    );
    if (nominated) void this.#write(() => this.#makeRoom(pod, nominated, schedules));
  }

  async #makeRoom(pod: Pod, { node, victims }: Nominated, { recorder }: Schedules): Promise<void> {
    const { client, clock, log } = this.#deps;
    const outbid = [...this.#snapshot.nominations.on(node)].filter((other) => priorityOf(other) < priorityOf(pod));
    for (const other of outbid) this.#breakPromise(other);
    await makeRoom({ client, recorder, now: clock.now(), pod, node }, victims, outbid).catch((error: unknown) => {
      // Not all are on their way out: the pod looks again.
      log.warn({ err: error, pod: pod.metadata.name }, 'preemption failed');
      this.#breakPromise(pod);
      this.#queue.retry(pod.metadata.uid as string);
    });
  }

  async #bind(placed: Placed, schedules: Schedules, barrier?: PermitBarrier): Promise<void> {
    const { pod, node } = placed;
    const { client, clock } = this.#deps;
    const waitUntil = (ready: () => boolean, timeoutMs: number) => this.#waiters.until(ready, timeoutMs);
    try {
      await bind(schedules.profile, placed, { client, clock, waitUntil }, barrier);
      const text = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${node}`;
      schedules.recorder.event(referenceOf(pod), 'Normal', 'Scheduled', text);
    } catch (error) {
      barrier?.fail(error instanceof Error ? error : new Error(String(error)));
      this.#forget(placed, error, schedules);
    }
  }

  async #write(run: () => Promise<void>): Promise<void> {
    this.#writes++;
    await run().catch((error: unknown) => this.#deps.log.error({ err: error }, 'write failed'));
    this.#writes--;
    this.#wake();
  }

  #forget(placed: Placed, error: unknown, schedules: Schedules): void {
    const { pod } = placed;
    if (this.#isStopped || !this.#assumed.delete(pod.metadata.uid as string)) return;
    release(schedules.profile, placed);
    this.#happened({ kind: 'pod.deleted', slot: placed.slot, pod });
    // Gone: the informer will say so. After any other answer (somebody else gave it a node, too) it comes again unless
    // the informer tells otherwise before its back-off is over.
    if (!isNotFound(error)) this.#fail(pod, error, schedules);
  }

  /** Something other than the nodes was wrong: the pod comes again after a while. */
  #fail(pod: Pod, error: unknown, schedules: Schedules): void {
    this.#deps.log.warn({ err: error, pod: pod.metadata.name }, 'binding failed');
    this.#queue.retry(pod.metadata.uid as string);
    if (!(error instanceof BindingFailure)) return;
    void this.#write(() =>
      reportFailure(this.#deps, pod, { reason: 'SchedulerError', message: error.message }, schedules.recorder),
    );
  }
}

const hintingPlugin = ({ name, hints = {}, filter }: SchedulerPlugin): HintingPlugin => ({
  name,
  hints,
  isLocal: filter?.local ?? false,
});
