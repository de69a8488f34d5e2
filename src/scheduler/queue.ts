import type { Pod } from '../api/generated/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
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
 * 10 s); those that wait for the cluster to change; and those with scheduling gates. One timer at most is pending.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Entry>((a, b) => priorityOf(b) - priorityOf(a) || a.order - b.order);
  readonly #waiting = new Heap<Entry>((a, b) => a.readyAt - b.readyAt);
  #order = 0;
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock, options: QueueOptions) {
    this.#clock = clock;
    this.#options = options;
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
    this.#entries.delete(uid);
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
    for (const entry of this.#entries.values()) {
      if (entry.place !== 'unschedulable') continue;
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
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#entries.clear();
  }

  #activate(entry: Entry): void {
    entry.place = 'active';
    this.#active.push(entry);
    this.#options.onReady();
  }

  #backOff(entry: Entry): void {
    entry.readyAt = this.#clock.now() + (entry.attempts === 0 ? 0 : backoffMs(entry.attempts, backoff));
    this.#push(entry, 'backoff');
  }

  #push(entry: Entry, place: Place): void {
    entry.place = place;
    this.#waiting.push({ ...entry });
    this.#schedule();
  }

  #schedule(): void {
    const next = this.#waiting.peek();
    if (!next || (this.#timer && this.#timer.at <= next.readyAt)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(next.readyAt - this.#clock.now(), () => {
      this.#timer = undefined;
      this.#release();
    });
    this.#timer = { at: next.readyAt, cancel };
  }

  /** Moves what has waited long enough; heap entries that a later move has overtaken are dropped. */
  #release(): void {
    const now = this.#clock.now();
    for (let next = this.#waiting.peek(); next && next.readyAt <= now; next = this.#waiting.peek()) {
      this.#waiting.pop();
      const entry = this.#entries.get(next.pod.metadata.uid as string);
      if (entry && entry.order === next.order && entry.place === next.place && entry.readyAt === next.readyAt) {
        this.#activate(entry);
      }
    }
    this.#schedule();
  }
}

const priorityOf = ({ pod }: QueuedPod): number => pod.spec.priority ?? 0;
const isGated = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 0;

/** Whether two states of a pod ask the same of a node; status changes are no reason for another try. */
const sameAsked = (a: Pod, b: Pod): boolean =>
  a.spec === b.spec || JSON.stringify([a.spec, a.metadata.labels]) === JSON.stringify([b.spec, b.metadata.labels]);
