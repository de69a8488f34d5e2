import type { Pod } from '../api/generated/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock, TimerOptions } from '../base/clock.ts';
import { Heap } from '../base/heap.ts';
import type { ReasonCounts } from './cycle.ts';
import type { ClusterEvent } from './plugin.ts';

/** A pod that waits for its node. */
export interface QueuedPod {
  pod: Pod;
  attempts: number;
  /** When it came, in epoch milliseconds. */
  since: number;
  /** The plugins that turned it away last time. */
  rejectedBy: ReadonlySet<string>;
  /** Of the last attempt. */
  reasons: ReasonCounts;
}

type Place = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'trying';

interface Entry extends QueuedPod {
  place: Place;
  order: number;
  readyAt: number;
}

const backoff = { baseMs: 1000, maxMs: 10_000 };
/** A pod that nothing has brought back is tried again after this long all the same: a hint may have been missed. */
const leftoverMs = 5 * 60_000;

export interface QueueOptions {
  /** Which events are worth a try for a pod that a plugin turned away. */
  eventsOf(plugin: string): readonly ClusterEvent[];
  /** Called when there is something to pop. */
  onReady(): void;
}

/**
 * Pods without a node: those to be tried now, by priority and then by age; those that wait out a failure (1 s doubling to
 * 10 s); those that wait for the cluster to change; and those with scheduling gates. Two timers at most are pending.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those of the entries that wait for an event: most events find none. */
  readonly #unschedulable = new Set<Entry>();
  readonly #active = new Heap<Entry>((a, b) => priorityOf(b) - priorityOf(a) || a.order - b.order);
  readonly #backingOff: WaitingRoom;
  /** Waiting for an event; the time is only there in case one was missed. */
  readonly #parked: WaitingRoom;
  #order = 0;

  constructor(clock: Clock, options: QueueOptions) {
    this.#clock = clock;
    this.#options = options;
    const release = (entry: Entry) => this.#release(entry);
    this.#backingOff = new WaitingRoom(clock, release);
    this.#parked = new WaitingRoom(clock, release, { background: true });
  }

  /** Takes a pod in, or its new state. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const known = this.#entries.get(uid);
    if (known) {
      const worth = known.place === 'unschedulable' && !sameAsked(known.pod, pod);
      known.pod = pod;
      if (known.place === 'gated' && !isGated(pod)) this.#activate(known);
      else if (worth) this.#backOff(known);
      return;
    }
    const entry: Entry = {
      pod,
      attempts: 0,
      since: this.#clock.now(),
      rejectedBy: new Set(),
      reasons: new Map(),
      place: 'gated',
      order: this.#order++,
      readyAt: 0,
    };
    this.#entries.set(uid, entry);
    if (!isGated(pod)) this.#activate(entry);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#entries.delete(uid);
    this.#unschedulable.delete(entry);
  }

  /** The next pod to try; it stays known until `remove`, and is not given out again before `park` or `retry`. */
  pop(): QueuedPod | undefined {
    for (let entry = this.#active.pop(); entry; entry = this.#active.pop()) {
      if (this.#entries.get(entry.pod.metadata.uid as string) !== entry || entry.place !== 'active') continue;
      entry.attempts++;
      // Events pass it by until it is parked, retried or removed: a pod whose binding is under way must not come again.
      entry.place = 'trying';
      return entry;
    }
    return undefined;
  }

  /** No node could take it: it waits for an event that its plugins care for. */
  park(uid: string, verdict: Pick<QueuedPod, 'rejectedBy' | 'reasons'>): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    Object.assign(entry, verdict);
    entry.readyAt = this.#clock.now() + leftoverMs;
    this.#push(entry, 'unschedulable');
  }

  /** The attempt failed for a reason of its own (a write that was refused): it comes back after its back-off. */
  retry(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry) this.#backOff(entry);
  }

  /** The cluster changed: pods that this may help are tried again, not before their back-off is over. */
  onEvent(event: ClusterEvent): void {
    for (const entry of this.#unschedulable) {
      if ([...entry.rejectedBy].some((plugin) => this.#options.eventsOf(plugin).includes(event))) this.#backOff(entry);
    }
  }

  /** What is known of a pending pod; for `why`. */
  get(uid: string): QueuedPod | undefined {
    return this.#entries.get(uid);
  }

  get size(): number {
    return this.#entries.size;
  }

  stop(): void {
    this.#backingOff.stop();
    this.#parked.stop();
    this.#entries.clear();
    this.#unschedulable.clear();
  }

  #activate(entry: Entry): void {
    entry.place = 'active';
    this.#unschedulable.delete(entry);
    this.#active.push(entry);
    this.#options.onReady();
  }

  #backOff(entry: Entry): void {
    entry.readyAt = this.#clock.now() + (entry.attempts === 0 ? 0 : backoffMs(entry.attempts, backoff));
    this.#push(entry, 'backoff');
  }

  #push(entry: Entry, place: 'backoff' | 'unschedulable'): void {
    entry.place = place;
    if (place === 'unschedulable') this.#unschedulable.add(entry);
    else this.#unschedulable.delete(entry);
    (place === 'backoff' ? this.#backingOff : this.#parked).add(entry);
  }

  /** `waited`: as it was when it began to wait; one that a later move has overtaken is dropped. */
  #release(waited: Entry): void {
    const entry = this.#entries.get(waited.pod.metadata.uid as string);
    if (entry?.order === waited.order && entry.place === waited.place && entry.readyAt === waited.readyAt) {
      this.#activate(entry);
    }
  }
}

/** Gives entries back when their time has come. */
class WaitingRoom {
  readonly #clock: Clock;
  readonly #release: (entry: Entry) => void;
  readonly #options: TimerOptions;
  readonly #waiting = new Heap<Entry>((a, b) => a.readyAt - b.readyAt);
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock, release: (entry: Entry) => void, options: TimerOptions = {}) {
    this.#clock = clock;
    this.#release = release;
    this.#options = options;
  }

  add(entry: Entry): void {
    this.#waiting.push({ ...entry });
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    const next = this.#waiting.peek();
    if (!next || (this.#timer && this.#timer.at <= next.readyAt)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(next.readyAt - this.#clock.now(), () => this.#releaseDue(), this.#options);
    this.#timer = { at: next.readyAt, cancel };
  }

  #releaseDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let next = this.#waiting.peek(); next && next.readyAt <= now; next = this.#waiting.peek()) {
      this.#waiting.pop();
      this.#release(next);
    }
    this.#schedule();
  }
}

const priorityOf = ({ pod }: QueuedPod): number => pod.spec.priority ?? 0;
const isGated = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 0;

/** Whether two states of a pod ask the same of a node; status changes are no reason for another try. */
const sameAsked = (a: Pod, b: Pod): boolean =>
  a.spec === b.spec || JSON.stringify([a.spec, a.metadata.labels]) === JSON.stringify([b.spec, b.metadata.labels]);
