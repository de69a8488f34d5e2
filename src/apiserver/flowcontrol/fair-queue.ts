import { fnv1a } from '../../base/hash.ts';
import { seededRng } from '../../base/rng.ts';

/** How one priority level shares its seats; `queues` of 0: who finds no seat is turned away. */
export interface QueueConfig {
  seats: number;
  queues: number;
  /** Queues that one flow may use: of these it takes the emptiest. */
  handSize: number;
  queueLengthLimit: number;
}

/** One request on its way through a level. */
export interface Entry {
  /** How many seats it takes. */
  readonly seats: number;
  /** Called when it leaves its queue and may run; not when it runs at once. */
  start(): void;
  /** The queue's own: what the request is charged to, virtual and real time of its arrival and start. */
  queue?: Queue;
  arrival?: number;
  startedMs?: number;
}

interface Queue {
  readonly waiting: Entry[];
  executing: number;
  seatsInUse: number;
  /** Virtual time at which its next request would start if every queue had its fair share. */
  nextDispatch: number;
}

export type Arrival = 'executing' | 'queued' | 'queue-full' | 'concurrency-limit';

/** What a request is taken to need until it is known how long it took, milliseconds (upstream's guess). */
const estimateMs = 3;
/** Flows whose hand is remembered. */
const rememberedHands = 4096;

/**
 * Fair queuing for server requests (KEP-1040): each flow is dealt a few queues, and among the queues that have requests the
 * one whose next request would be done first in an ideal world goes first, where an ideal world serves all of them at the
 * same time with an equal part of the seats. Virtual time runs as that world does: seats in use per active queue.
 * Pure: time is handed in (milliseconds, never backwards), nothing waits here.
 */
export class FairQueue {
  readonly #queues: Queue[] = [];
  readonly #hands = new Map<string, Queue[]>();
  #config: QueueConfig;
  #virtual = 0;
  #atMs = 0;
  /** Queues with requests that wait or run. */
  #active = 0;
  #waitingSeats = 0;
  inUse = 0;
  waiting = 0;
  executing = 0;
  /** The most seats that were in use or asked for at one time since `takePeak`. */
  #peak = 0;

  constructor(config: QueueConfig) {
    this.#config = config;
    this.configure(config, 0);
  }

  get config(): QueueConfig {
    return this.#config;
  }

  /** For looking only. */
  get queues(): readonly Readonly<Queue>[] {
    return this.#queues;
  }

  /** `flow` names who asks: requests of one flow share a hand of queues. */
  arrive(entry: Entry, flow: string, nowMs: number): Arrival {
    this.#advance(nowMs);
    const wanted = this.inUse + this.#waitingSeats + entry.seats;
    if (wanted > this.#peak) this.#peak = wanted;
    const reject = this.#config.queues === 0;
    if (reject && !this.#fits(entry)) return 'concurrency-limit';
    const queue = this.#emptiest(reject ? this.#queues : this.#handOf(flow));
    if (queue.waiting.length >= this.#config.queueLengthLimit && !reject) return 'queue-full';
    if (queue.waiting.length + queue.executing === 0) {
      this.#active++;
      queue.nextDispatch = this.#virtual;
    }
    entry.queue = queue;
    entry.arrival = this.#virtual;
    if (this.waiting === 0 && this.#fits(entry)) {
      this.#start(entry, queue);
      return 'executing';
    }
    queue.waiting.push(entry);
    this.waiting++;
    this.#waitingSeats += entry.seats;
    return 'queued';
  }

  /** A request that ran is done; others may start. */
  finish(entry: Entry, nowMs: number): void {
    this.#advance(nowMs);
    const queue = entry.queue as Queue;
    this.inUse -= entry.seats;
    this.executing--;
    queue.executing--;
    queue.seatsInUse -= entry.seats;
    // It was charged for a guess; what it took is known now.
    queue.nextDispatch -= (estimateMs - (nowMs - (entry.startedMs as number))) * entry.seats;
    this.#settle(queue);
    this.#dispatch();
  }

  /** A request gives up; false when it does not wait any more. */
  cancel(entry: Entry, nowMs: number): boolean {
    this.#advance(nowMs);
    const queue = entry.queue as Queue;
    const at = queue.waiting.indexOf(entry);
    if (at < 0) return false;
    queue.waiting.splice(at, 1);
    this.waiting--;
    this.#waitingSeats -= entry.seats;
    this.#settle(queue);
    this.#dispatch();
    return true;
  }

  /** Queues above the new number are dealt no more and run empty. */
  configure(config: QueueConfig, nowMs: number): void {
    this.#advance(nowMs);
    const reshaped = config.queues !== this.#config.queues || config.handSize !== this.#config.handSize;
    if (reshaped) this.#hands.clear();
    this.#config = config;
    while (this.#queues.length < Math.max(config.queues, 1))
      this.#queues.push({ waiting: [], executing: 0, seatsInUse: 0, nextDispatch: 0 });
    this.#dispatch();
  }

  /** The peak of demand, in seats; the next one is counted from now. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.inUse + this.#waitingSeats;
    return peak;
  }

  #advance(nowMs: number): void {
    const elapsed = nowMs - this.#atMs;
    this.#atMs = nowMs;
    if (elapsed <= 0 || this.#active === 0) return;
    this.#virtual += (elapsed * Math.min(this.inUse + this.#waitingSeats, this.#config.seats)) / this.#active;
  }

  /** One that is wider than the level runs when it can have the level for itself. */
  #fits({ seats }: Entry): boolean {
    return this.inUse === 0 || this.inUse + seats <= this.#config.seats;
  }

  #start(entry: Entry, queue: Queue): void {
    entry.startedMs = this.#atMs;
    queue.executing++;
    queue.seatsInUse += entry.seats;
    queue.nextDispatch += estimateMs * entry.seats;
    this.inUse += entry.seats;
    this.executing++;
  }

  #dispatch(): void {
    while (this.waiting > 0) {
      const queue = this.#next();
      const entry = queue.waiting[0] as Entry;
      // A wide one is not overtaken by narrow ones for ever: everybody waits for its seats.
      if (!this.#fits(entry)) return;
      queue.waiting.shift();
      this.waiting--;
      this.#waitingSeats -= entry.seats;
      this.#start(entry, queue);
      entry.start();
    }
  }

  /** The queue whose first request would be done first. */
  #next(): Queue {
    let next: Queue | undefined;
    let end = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues) {
      const first = queue.waiting[0];
      if (!first) continue;
      // What it has not used in the past is no credit: it starts no earlier than its request came.
      queue.nextDispatch = Math.max(queue.nextDispatch, (first.arrival as number) - estimateMs * first.seats);
      const done = queue.nextDispatch + estimateMs * first.seats;
      if (done < end) [next, end] = [queue, done];
    }
    return next as Queue;
  }

  #settle(queue: Queue): void {
    if (queue.waiting.length + queue.executing === 0) this.#active--;
  }

  #emptiest(hand: readonly Queue[]): Queue {
    let best = hand[0] as Queue;
    for (const queue of hand) {
      const less = queue.waiting.length - best.waiting.length || queue.seatsInUse - best.seatsInUse;
      if (less < 0) best = queue;
    }
    return best;
  }

  #handOf(flow: string): readonly Queue[] {
    const known = this.#hands.get(flow);
    if (known) return known;
    const hand = deal(fnv1a(flow), this.#config).map((card) => this.#queues[card] as Queue);
    if (this.#hands.size >= rememberedHands) this.#hands.clear();
    this.#hands.set(flow, hand);
    return hand;
  }
}

/** Shuffle sharding: `handSize` different ones of `queues` cards, the same for the same hash. */
export function deal(hash: number, { queues, handSize }: Pick<QueueConfig, 'queues' | 'handSize'>): number[] {
  const rng = seededRng(hash);
  const hand: number[] = [];
  for (let left = queues; hand.length < Math.min(handSize, queues); left--) {
    let card = Math.floor(rng.next() * left);
    // The n-th of the cards that are left.
    for (const dealt of [...hand].sort((a, b) => a - b)) if (dealt <= card) card++;
    hand.push(card);
  }
  return hand;
}
