import type { Pod } from '../api/generated/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Heap } from '../base/heap.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import { type ClusterEvent, upstreamName } from './cluster-events.ts';
import type { Diagnosis } from './diagnosis.ts';
import { type HintingPlugin, ParkedPods } from './parked-pods.ts';
import type { QueueOrder } from './plugin.ts';
import { WaitingRoom } from './waiting-room.ts';

/** A pod that waits for its node. */
export interface QueuedPod {
  pod: Pod;
  attempts: number;
  /** When it came, in epoch milliseconds. */
  since: number;
  /** The plugins that turned it away last time. */
  rejectedBy: ReadonlySet<string>;
  /** Of the last attempt, node by node; undefined before it, and when too many others came since. */
  diagnosis: Diagnosis | undefined;
}

type Place = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'trying';

/** Where a pod waits. */
export type QueueName = Exclude<Place, 'trying'>;

/** Is told when a pod comes to wait somewhere, and why: `PodAdd`, `ScheduleAttemptFailure`, the kind of an event. */
export interface QueueObserver {
  queued(queue: QueueName, why: string): void;
}

interface Entry extends QueuedPod {
  place: Place;
  order: number;
  /** When it may or must be tried again. */
  readyAt: number;
}

const defaultBackoff = { baseMs: 1000, maxMs: 10_000 };
/** A pod that nothing has brought back is tried again after this long all the same: a hint may have been missed. */
const leftoverMs = 5 * 60_000;
/** Pods whose reasons are kept, some kilobytes each in a large cluster; the oldest are forgotten. */
const maxDiagnoses = 1000;

export interface QueueOptions {
  /** Who goes first; absent: the older. */
  compare?: ((a: QueueOrder, b: QueueOrder) => number) | undefined;
  /** Why a pod must not be tried yet; undefined: nothing against it. */
  blockedBy(pod: Pod): string | undefined;
  /** Which events are worth a try for a pod that a plugin turned away. */
  plugins: ReadonlyMap<string, HintingPlugin>;
  snapshot(): Snapshot;
  backoff?: { readonly baseMs: number; readonly maxMs: number } | undefined;
  observer?: QueueObserver | undefined;
  /** Called when there is something to pop. */
  onReady(): void;
}

/**
 * Pods without a node: those to be tried now; those that wait out a failure (1 s doubling to 10 s); those that wait for an
 * event that may help them; and those that must not be tried yet. Two timers at most are pending.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #active: Heap<Entry>;
  readonly #backingOff: WaitingRoom<Entry>;
  readonly #parked: ParkedPods<Entry>;
  /** The parked ones in the order in which they are tried whatever happens. */
  readonly #leftovers = new Set<Entry>();
  #cancelLeftover: (() => void) | undefined;
  /** Of those whose reasons are kept, the oldest first. */
  readonly #diagnosed = new Set<Entry>();
  #order = 0;

  constructor(clock: Clock, options: QueueOptions) {
    this.#clock = clock;
    this.#options = options;
    const compare: (a: Entry, b: Entry) => number = options.compare ?? ((a, b) => a.order - b.order);
    this.#active = new Heap<Entry>(compare);
    const release = (entry: Entry) => this.#activate(entry, 'BackoffComplete');
    this.#backingOff = new WaitingRoom(clock, { compare, release });
    this.#parked = new ParkedPods(options.plugins, options.snapshot);
  }

  /** Takes a pod in, or its new state. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const known = this.#entries.get(uid);
    if (known) {
      const worth = known.place === 'unschedulable' && !sameAsked(known.pod, pod);
      known.pod = pod;
      if (known.place === 'gated' && !this.#isBlocked(pod)) this.#activate(known, 'PodUpdate');
      else if (worth) this.#backOff(known, 'PodUpdate');
      return;
    }
    const entry: Entry = {
      pod,
      attempts: 0,
      since: this.#clock.now(),
      rejectedBy: new Set(),
      diagnosis: undefined,
      place: 'gated',
      order: this.#order++,
      readyAt: 0,
    };
    this.#entries.set(uid, entry);
    this.#activate(entry, 'PodAdd');
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#entries.delete(uid);
    this.#leave(entry, 'trying');
    this.#diagnosed.delete(entry);
  }

  /**
   * The next pod to try; it stays known until `remove`, and is not given out again before `park` or `retry`. When nothing
   * is due, one that only backs off is brought forward (SchedulerPopFromBackoffQ, KEP-5142). That makes nobody busy: a pod
   * that is turned away again is parked, and backs off only when something happens that may help it.
   */
  pop(): QueuedPod | undefined {
    const entry = this.#nextActive() ?? this.#bringForward();
    if (!entry) return undefined;
    entry.attempts++;
    // Events pass it by until it is parked, retried or removed: a pod whose binding is under way must not come again.
    entry.place = 'trying';
    return entry;
  }

  /** Takes out those of the pods that wait, to be tried together with one that was popped: they count as having failed as often. */
  popWith({ pod, attempts }: QueuedPod, uids: Iterable<string>): QueuedPod[] {
    const taken: Entry[] = [];
    for (const uid of uids) {
      const entry = this.#entries.get(uid);
      if (!entry || entry.place === 'trying' || entry.place === 'gated' || uid === pod.metadata.uid) continue;
      this.#leave(entry, 'trying');
      taken.push(entry);
    }
    const most = Math.max(attempts, ...taken.map((entry) => entry.attempts + 1));
    for (const entry of [this.#entries.get(pod.metadata.uid as string), ...taken]) if (entry) entry.attempts = most;
    return taken.sort((a, b) => this.#options.compare?.(a, b) ?? a.order - b.order);
  }

  /** No node could take it: it waits for an event that its plugins care for. */
  park(uid: string, verdict: { rejectedBy: ReadonlySet<string>; diagnosis?: Diagnosis }): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#leave(entry, 'unschedulable');
    this.#options.observer?.queued('unschedulable', 'ScheduleAttemptFailure');
    entry.rejectedBy = verdict.rejectedBy;
    this.#keepDiagnosis(entry, verdict.diagnosis);
    entry.readyAt = this.#clock.now() + leftoverMs;
    this.#parked.add(entry);
    this.#leftovers.add(entry);
    this.#waitForLeftover();
  }

  /** The attempt failed for a reason of its own (a write that was refused): it comes back after its back-off, not before. */
  retry(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry) this.#backOff(entry, 'ScheduleAttemptFailure', { isError: true });
  }

  /** What the pod waited for will not come: it is tried again after its back-off. */
  bringBack(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.place === 'unschedulable') this.#backOff(entry, 'AssignedPodDelete');
  }

  /** The cluster changed: pods that this may help are tried again, not before their back-off is over. */
  onEvent(event: ClusterEvent): void {
    for (const entry of this.#parked.helpedBy(event)) this.#backOff(entry, upstreamName[event.kind]);
  }

  /** What blocked some pods may have changed. */
  recheck(uids: Iterable<string>): void {
    for (const uid of uids) {
      const entry = this.#entries.get(uid);
      if (entry?.place === 'gated' && !this.#isBlocked(entry.pod)) this.#activate(entry, 'PodGroupChange');
    }
  }

  /** What is known of a pending pod; for `why`. */
  get(uid: string): QueuedPod | undefined {
    return this.#entries.get(uid);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Every pod that waits, and where. */
  *waiting(): Generator<{ readonly queue: QueueName; readonly queued: QueuedPod }> {
    for (const entry of this.#entries.values())
      if (entry.place !== 'trying') yield { queue: entry.place, queued: entry };
  }

  stop(): void {
    this.#backingOff.stop();
    this.#cancelLeftover?.();
    this.#entries.clear();
  }

  #isBlocked(pod: Pod): boolean {
    return this.#options.blockedBy(pod) !== undefined;
  }

  #nextActive(): Entry | undefined {
    for (let entry = this.#active.pop(); entry; entry = this.#active.pop()) {
      if (this.#entries.get(entry.pod.metadata.uid as string) === entry && entry.place === 'active') return entry;
    }
    return undefined;
  }

  #bringForward(): Entry | undefined {
    const entry = this.#backingOff.take();
    if (entry) this.#options.observer?.queued('active', 'PopFromBackoffQ');
    return entry;
  }

  /**
   * PreEnqueue is asked whenever a pod comes to where it is tried from, also after an attempt: its group may have lost pods
   * meanwhile. One that is blocked waits until `add` or `recheck`.
   */
  #isHeldBack(entry: Entry, why: string): boolean {
    if (!this.#isBlocked(entry.pod)) return false;
    this.#leave(entry, 'gated');
    this.#options.observer?.queued('gated', why);
    return true;
  }

  #activate(entry: Entry, why: string): void {
    if (this.#isHeldBack(entry, why)) return;
    this.#leave(entry, 'active');
    this.#options.observer?.queued('active', why);
    this.#active.push(entry);
    this.#options.onReady();
  }

  #backOff(entry: Entry, why: string, { isError = false } = {}): void {
    if (this.#isHeldBack(entry, why)) return;
    this.#leave(entry, 'backoff');
    this.#options.observer?.queued('backoff', why);
    const delayMs = entry.attempts === 0 ? 0 : backoffMs(entry.attempts, this.#options.backoff ?? defaultBackoff);
    entry.readyAt = this.#clock.now() + delayMs;
    this.#backingOff.add(entry, { isFixed: isError });
    if (!isError) this.#options.onReady();
  }

  #leave(entry: Entry, to: Place): void {
    if (entry.place === 'unschedulable') {
      this.#parked.remove(entry);
      this.#leftovers.delete(entry);
    }
    entry.place = to;
  }

  #waitForLeftover(): void {
    const [first] = this.#leftovers;
    if (!first || this.#cancelLeftover) return;
    const run = () => {
      this.#cancelLeftover = undefined;
      const now = this.#clock.now();
      for (const entry of this.#leftovers) {
        if (entry.readyAt > now) break;
        this.#activate(entry, 'UnschedulableTimeout');
      }
      this.#waitForLeftover();
    };
    this.#cancelLeftover = this.#clock.after(first.readyAt - this.#clock.now(), run, { background: true });
  }

  #keepDiagnosis(entry: Entry, diagnosis: Diagnosis | undefined): void {
    this.#diagnosed.delete(entry);
    entry.diagnosis = diagnosis;
    if (!diagnosis) return;
    this.#diagnosed.add(entry);
    if (this.#diagnosed.size <= maxDiagnoses) return;
    const [oldest] = this.#diagnosed;
    if (!oldest) return;
    this.#diagnosed.delete(oldest);
    oldest.diagnosis = undefined;
  }
}

/** What a pod asks of a node: most changes of its status are no reason for another try. */
const askedOf = ({ spec, metadata, status }: Pod): unknown[] => [
  spec,
  metadata.labels,
  status?.resourceClaimStatuses,
  status?.extendedResourceClaimStatus,
];

/** Decoded objects share equal parts, so identity mostly answers. */
function sameAsked(a: Pod, b: Pod): boolean {
  const after = askedOf(b);
  return askedOf(a).every((part, i) => part === after[i] || JSON.stringify(part) === JSON.stringify(after[i]));
}
