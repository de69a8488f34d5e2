import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { type Clock, stopwatch } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { Metrics } from '../base/metrics.ts';
import type { Rng } from '../base/rng.ts';
import type { NodeInfo } from '../placement/node-info.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder, type EventRecorder } from '../client/event-recorder.ts';
import { bind, BindingFailure, release, reserve, workBefore } from './binding.ts';
import type { SchedulerConfiguration } from './configuration.ts';
import { explain, schedule, type Unschedulable } from './cycle.ts';
import type { NodeVerdict } from './diagnosis.ts';
import { Evaluation } from './evaluation.ts';
import { approved, consult, profileWith } from './extenders/consultation.ts';
import { Extender, type PostToExtender } from './extenders/extender.ts';
import type { ExtenderConfig } from './extenders/extender-config.ts';
import { type PlaceResult, placeTogether } from './gang-cycle.ts';
import type { Gang } from './gangs.ts';
import { SchedulerMetrics } from './metrics.ts';
import { openWindow, WindowMemory } from './node-window.ts';
import { PermitBarrier } from './permit-barrier.ts';
import type { Placed, PostFilterResult } from './plugin.ts';
import { defaultProfile } from './plugins.ts';
import { referenceOf, type Report, reportExpected, reportFailure, reportGang } from './pod-writes.ts';
import { type PointTimer, timed } from './point-timer.ts';
import { makeRoom } from './preemption/eviction.ts';
import { priorityOf } from './preemption/victims.ts';
import { pluginsOf, type Profile } from './profile.ts';
import type { QueuedPod } from './queue.ts';
import { unschedulableMessage } from './unschedulable-message.ts';
import { type Assumed, WaitingPods } from './waiting-pods.ts';

export interface SchedulerDeps {
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Where it counts what it does. */
  metrics?: Metrics | undefined;
  /** Without it there are no extenders. */
  postToExtender?: PostToExtender | undefined;
}

export interface SchedulerOptions {
  /** Pods whose `spec.schedulerName` is the name of one of these are ours. */
  profiles?: readonly Profile[] | undefined;
  backoff?: SchedulerConfiguration['backoff'] | undefined;
  extenders?: readonly ExtenderConfig[] | undefined;
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
/** Requests being made at once; more pods wait in the queue. */
const maxWrites = 128;

/**
 * Gives pods their nodes. Decides from its own snapshot, in which a chosen pod counts at once; the binding is written
 * meanwhile, and taken back when it fails.
 */
export function startScheduler(deps: SchedulerDeps, options: SchedulerOptions = {}): Scheduler {
  return new SchedulerLoop(deps, options);
}

/** How pods of one `schedulerName` are scheduled. */
interface Schedules {
  readonly profile: Profile;
  readonly memory: WindowMemory;
  readonly recorder: BroadcastingRecorder;
}

/** A pod that is being tried. */
interface Attempt extends Schedules {
  readonly queued: QueuedPod;
  readonly seconds: () => number;
  /** For some: the steps are timed. */
  readonly timer: PointTimer | undefined;
}

type Nominated = NonNullable<PostFilterResult['nominated']>;

class SchedulerLoop implements Scheduler {
  readonly #deps: SchedulerDeps;
  /** By the name that pods ask for. */
  readonly #schedules: ReadonlyMap<string, Schedules>;
  readonly #pods: WaitingPods;
  readonly #metrics: SchedulerMetrics;
  readonly #extenders: readonly Extender[];
  #start = 0;
  /** Requests under way. */
  #writes = 0;
  #cancelTurn: (() => void) | undefined;
  #isReady = false;
  #isStopped = false;

  constructor(deps: SchedulerDeps, { profiles = [defaultProfile], backoff, extenders = [] }: SchedulerOptions) {
    this.#deps = deps;
    const { postToExtender } = deps;
    this.#extenders = postToExtender ? extenders.map((config) => new Extender(config, postToExtender)) : [];
    this.#schedules = new Map(
      profiles.map((profile) => {
        const recorder = new BroadcastingRecorder(deps, { component: profile.name });
        return [profile.name, { profile, memory: new WindowMemory(), recorder }];
      }),
    );
    const { metrics = new Metrics() } = deps;
    this.#metrics = new SchedulerMetrics(metrics);
    this.#pods = new WaitingPods(deps, {
      profiles,
      backoff,
      observer: this.#metrics,
      profileOf: (pod) => this.#scheduleOf(pod)?.profile,
      onReady: () => this.#wake(),
    });
    SchedulerMetrics.read(metrics, {
      waiting: () => this.#pods.queue.waiting(),
      profileName: ({ pod }) => pod.spec.schedulerName ?? defaultName,
      sizes: () => {
        const { size: nodes, podCount: pods } = this.#pods.snapshot;
        return { nodes, pods, assumed_pods: this.#pods.assumed };
      },
    });
    void this.#pods.synced.then(() => {
      this.#isReady = true;
      this.#wake();
    });
  }

  pending(uid: string): QueuedPod | undefined {
    return this.#pods.queue.get(uid);
  }

  explain(pod: Pod): Map<string, NodeVerdict> {
    const { profile } = this.#scheduleOf(pod) ?? { profile: defaultProfile };
    return explain({ snapshot: this.#pods.snapshot, profile }, pod);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTurn?.();
    this.#pods.stop();
    for (const { recorder } of this.#schedules.values()) recorder.stop();
  }

  #scheduleOf({ spec }: Pod): Schedules | undefined {
    return this.#schedules.get(spec.schedulerName ?? defaultName);
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
      const queued = this.#pods.queue.pop();
      if (!queued) return;
      const schedules = this.#scheduleOf(queued.pod);
      if (schedules) evaluated += this.#try(this.#attempt(queued, schedules));
    }
    this.#wake();
  }

  #attempt(queued: QueuedPod, schedules: Schedules): Attempt {
    return { ...schedules, queued, seconds: stopwatch(), timer: this.#metrics.timer(schedules.profile.name) };
  }

  /** Returns how many nodes were looked at. */
  #try(attempt: Attempt): number {
    const { pod } = attempt.queued;
    const gang = this.#pods.gangs.of(pod);
    if (gang) return this.#tryGang(gang, attempt);
    const extenders = this.#extenders.filter((extender) => extender.isInterested(pod));
    if (extenders.length > 0) {
      void this.#write(() => this.#tryWith(extenders, attempt));
      return this.#pods.snapshot.size;
    }
    const { result, evaluated } = this.#place(attempt);
    this.#metrics.decided(attempt.seconds());
    if (!result) return evaluated;
    if (!('diagnosis' in result)) {
      this.#startBinding(result, attempt);
      return evaluated;
    }
    this.#park(result, attempt);
    // Looking for somebody to send away took some time too, as will what is written for it.
    return Math.max(evaluated, this.#pods.snapshot.size / 5);
  }

  /** The nodes that extenders are asked about: those that would take the pod as far as plugins go. */
  #candidates({ profile, queued: { pod } }: Attempt): NodeInfo[] {
    const { snapshot } = this.#pods;
    const { nodes } = openWindow(profile, new Evaluation(profile.at.filter, snapshot, pod), this.#start);
    return nodes.slots.flatMap((slot) => snapshot.node(slot) ?? []);
  }

  /**
   * An attempt that extenders have a say in. While they think, others are scheduled: what they said is then asked of the
   * cluster as it is by that time, as one plugin more.
   */
  async #tryWith(extenders: readonly Extender[], attempt: Attempt): Promise<void> {
    const { queued, seconds } = attempt;
    const { queue, snapshot } = this.#pods;
    const uid = queued.pod.metadata.uid as string;
    const asked = { extenders, log: this.#deps.log };
    // Bound by somebody else, or gone.
    const isOver = () => this.#isStopped || queue.get(uid) !== queued;
    const { generation } = snapshot.changes;
    try {
      const nodes = this.#candidates(attempt);
      const opinion = nodes.length > 0 ? await consult(asked, queued.pod, nodes) : undefined;
      if (isOver()) return;
      const informed = opinion ? { ...attempt, profile: profileWith(attempt.profile, opinion) } : attempt;
      const { result } = this.#place(informed);
      this.#metrics.decided(seconds());
      if (!result) return;
      if (!('diagnosis' in result)) return this.#startBinding(result, informed);
      const remedies = await approved(asked, queued.pod, result.remedies);
      if (isOver()) return;
      this.#park({ ...result, remedies }, informed);
      // Events passed it by meanwhile.
      if (snapshot.changes.generation !== generation) queue.bringBack(uid);
    } catch (error) {
      if (!isOver()) this.#fail(error, attempt);
    }
  }

  /** Chooses a node and takes what the pod needs there; without a result that was not to be had. */
  #place(attempt: Attempt): PlaceResult {
    const { profile, memory, timer, queued } = attempt;
    const { pod } = queued;
    const { snapshot } = this.#pods;
    const placement = schedule({ snapshot, profile }, pod, { rng: this.#deps.rng, start: this.#start, memory, timer });
    const { evaluated } = placement;
    this.#start = snapshot.size === 0 ? 0 : (this.#start + evaluated) % snapshot.size;
    if (!('node' in placement)) return { result: placement, evaluated };
    try {
      return { result: timed(timer, 'Reserve', () => reserve(profile, snapshot, pod, placement)), evaluated };
    } catch (error) {
      this.#fail(error, attempt);
      return { evaluated };
    }
  }

  /** All that wait of a gang, in one go: if not enough of them find a node, none gets one. Nobody is sent away for them. */
  #tryGang({ group, minCount, pods: all }: Gang, first: Attempt): number {
    const { profile, recorder } = first;
    const peaceful: Profile = { ...profile, at: { ...profile.at, postFilter: [] } };
    const before = [...all.values()].filter((pod) => this.#pods.hasNode(pod)).length;
    const members = [first.queued, ...this.#pods.queue.popWith(first.queued, all.keys())];
    const attempts = new Map(
      members.map((queued) => [queued.pod, { ...this.#attempt(queued, first), profile: peaceful }]),
    );
    const attemptOf = (pod: Pod) => attempts.get(pod) as Attempt;
    const { placed, failed, evaluated, shortage } = placeTogether([...attempts.keys()], { before, minCount }, (pod) =>
      this.#place(attemptOf(pod)),
    );
    for (const { pod, why } of failed) this.#park(why, attemptOf(pod));
    const said = {
      status: shortage ? 'False' : 'True',
      reason: shortage ? 'Unschedulable' : 'Scheduled',
      message: shortage ?? '',
    };
    void this.#write(() => reportGang(this.#deps, group, said));
    const isSlow = placed.some((one) => workBefore(profile, one).length > 0);
    const barrier = new PermitBarrier(this.#deps.clock, placed.length, { isSlow });
    for (const one of shortage ? placed.toReversed() : placed) {
      const attempt = attemptOf(one.pod);
      if (!shortage) {
        this.#startBinding(one, attempt, barrier);
        continue;
      }
      release(profile, one);
      // Comes again with the others: an event that helps one of them brings all.
      this.#pods.queue.park(one.pod.metadata.uid as string, { rejectedBy: new Set(['GangScheduling']) });
      this.#metrics.attempted('unschedulable', profile.name, attempt.seconds());
      const nomination = clearingOf(one.pod);
      void this.#write(() => reportFailure(this.#deps, one.pod, { ...said, nomination }, recorder));
    }
    return evaluated;
  }

  #startBinding(placed: Placed, attempt: Attempt, barrier?: PermitBarrier): void {
    const assumed: Assumed = { placed, profile: attempt.profile, barrier };
    this.#pods.assume(assumed);
    void this.#write(() => this.#bind(assumed, attempt));
  }

  #park(why: Unschedulable, { queued: { pod }, profile, recorder, seconds }: Attempt): void {
    const { diagnosis } = why;
    const { nominations } = this.#pods.snapshot;
    const uid = pod.metadata.uid as string;
    const { plugins } = diagnosis;
    const rejectedBy = plugins.size > 0 ? plugins : new Set(pluginsOf(profile).map(({ name }) => name));
    const message = unschedulableMessage(why);
    const nominated = why.remedies.find((remedy) => remedy.nominated)?.nominated;
    const isCleared = why.remedies.some((remedy) => remedy.clearsNomination);
    const promised = nominated?.node ?? (isCleared ? undefined : nominations.nodeOf(uid));
    if (promised === undefined) this.#pods.breakPromise(pod);
    else nominations.set(pod, promised);
    this.#pods.queue.park(uid, { rejectedBy, diagnosis });
    this.#metrics.preempted(why);
    this.#metrics.attempted('unschedulable', profile.name, seconds());
    const isNews = promised !== pod.status.nominatedNodeName;
    const nomination = isNews ? { nominatedNodeName: promised ?? null } : {};
    void this.#write(() => reportFailure(this.#deps, pod, { reason: 'Unschedulable', message, nomination }, recorder));
    if (nominated) void this.#write(() => this.#makeRoom(pod, nominated, recorder), nominated.victims.length);
  }

  async #makeRoom(pod: Pod, { node, victims }: Nominated, recorder: EventRecorder): Promise<void> {
    const { client, clock, log } = this.#deps;
    const promised = [...this.#pods.snapshot.nominations.on(node)];
    const outbid = promised.filter((other) => priorityOf(other) < priorityOf(pod));
    for (const other of outbid) this.#pods.breakPromise(other);
    await makeRoom({ client, recorder, now: clock.now(), pod, node }, victims, outbid).catch((error: unknown) => {
      // Not all are on their way out: the pod looks again.
      log.warn({ err: error, pod: pod.metadata.name }, 'preemption failed');
      this.#pods.breakPromise(pod);
      this.#pods.queue.retry(pod.metadata.uid as string);
    });
  }

  async #bind(assumed: Assumed, attempt: Attempt): Promise<void> {
    const { placed, profile, barrier } = assumed;
    const { pod, node } = placed;
    const { client, clock } = this.#deps;
    const { timer, recorder, queued, seconds } = attempt;
    const waitUntil = (ready: () => boolean, timeoutMs: number) => this.#pods.waiters.until(ready, timeoutMs);
    let nomination = clearingOf(pod);
    const announce = () => {
      nomination = { nominatedNodeName: null };
      return reportExpected(this.#deps, pod, node);
    };
    try {
      await bind(profile, placed, { client, clock, waitUntil }, { barrier, timer, announce });
      const text = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${node}`;
      recorder.event(referenceOf(pod), 'Normal', 'Scheduled', text);
      this.#metrics.attempted('scheduled', profile.name, seconds());
      this.#metrics.bound(queued.attempts, clock.now() - queued.since);
    } catch (error) {
      barrier?.fail(error instanceof Error ? error : new Error(String(error)));
      if (this.#isStopped || !this.#pods.forget(assumed)) return;
      // Gone: the informer will say so. After any other answer (somebody else gave it a node, too) it comes again unless
      // the informer tells otherwise before its back-off is over.
      if (!isNotFound(error)) this.#fail(error, attempt, nomination);
    }
  }

  /** `count`: how many requests it is at a time. */
  async #write(run: () => Promise<void>, count = 1): Promise<void> {
    this.#writes += count;
    await run().catch((error: unknown) => this.#deps.log.error({ err: error }, 'write failed'));
    this.#writes -= count;
    this.#wake();
  }

  /** Something other than the nodes was wrong: the pod comes again after a while, and no node is promised to it till then. */
  #fail(error: unknown, { queued: { pod }, profile, recorder, seconds }: Attempt, nomination = clearingOf(pod)): void {
    this.#deps.log.warn({ err: error, pod: pod.metadata.name }, 'binding failed');
    this.#metrics.attempted('error', profile.name, seconds());
    this.#pods.breakPromise(pod);
    this.#pods.queue.retry(pod.metadata.uid as string);
    if (error instanceof BindingFailure) {
      const why = { reason: 'SchedulerError', message: error.message, nomination };
      void this.#write(() => reportFailure(this.#deps, pod, why, recorder));
    } else if (nomination) void this.#write(() => reportExpected(this.#deps, pod, null));
  }
}

/** What takes a node's name from the pod's status; undefined: there is none. */
const clearingOf = ({ status }: Pod): Report['nomination'] =>
  status.nominatedNodeName === undefined ? undefined : { nominatedNodeName: null };
