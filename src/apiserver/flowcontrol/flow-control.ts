import { flowschemas, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/types.ts';
import { groupResource, type KubeObject, type Resource } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Store } from '../../store/store.ts';
import type { Attributes } from '../authz/attributes.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { mandatoryObjects } from '../bootstrap/flowcontrol-objects.ts';
import type { FlowCounts, FlowMetrics } from '../metrics/flow.ts';
import type { ObjectCodec } from '../object-codec.ts';
import type { Entry, FairQueue } from './fair-queue.ts';
import { flowOf, inOrderOfPrecedence, type Matcher, matchersOf } from './flow-matching.ts';
import { PriorityLevel } from './priority-level.ts';
import { boundsOf, seatsByDemand } from './seats.ts';
import { TooManyRequests } from './too-many-requests.ts';

export interface FlowControlDeps {
  store: Store;
  objects: ObjectCodec;
  clock: Clock;
  /** Counts requests by schema and level; absent in tests. */
  metrics?: { flow: FlowMetrics };
}

export interface FlowControlOptions {
  /** Requests at a time, of all levels that are not exempt. Upstream: 400 in flight and 200 that write. */
  seats?: number;
  /** How long a request waits in its queue: a quarter of the request timeout. */
  waitMs?: number;
}

/** Seats move between levels at most this often, and only while somebody waits. */
const rebalanceMs = 1000;

/** Which schema a request falls under, and the level that this means. */
export interface Flow {
  schema: FlowSchema;
  level: PriorityLevel;
  matchers: readonly Matcher[];
  counts?: FlowCounts | undefined;
}

/** A flow that a user may come into, and the rules that are about him. */
interface OwnFlow {
  flow: Flow;
  rules: readonly Matcher[];
}

/** Leave to run: `done` gives the seats back, once. */
export interface Ticket {
  done(): void;
}

const exemptTicket: Ticket = { done: () => {} };

class Seat implements Ticket, Entry {
  startedMs?: number;
  counts?: FlowCounts | undefined;
  readonly seats: number;
  readonly #queue: FairQueue;
  readonly #clock: Clock;
  onStart: () => void = () => {};

  constructor(queue: FairQueue, seats: number, clock: Clock) {
    this.#queue = queue;
    this.seats = seats;
    this.#clock = clock;
  }

  start(): void {
    this.onStart();
  }

  done(): void {
    const now = this.#clock.now();
    this.counts?.executed((now - (this.startedMs ?? now)) / 1000);
    this.#queue.finish(this, now);
  }
}

/**
 * API priority and fairness (KEP-1040): FlowSchemas say which level a request is of, each level has its part of the server's
 * seats, and within a level flows that ask for much do not starve those that ask for little. The objects are read from the
 * store as they change. A timer runs only while somebody waits.
 */
export class FlowControl {
  readonly #deps: FlowControlDeps;
  readonly #seats: number;
  readonly #waitMs: number;
  #levels = new Map<string, PriorityLevel>();
  #flows: Flow[] = [];
  /** The flows of each user who has come, until the schemas change. */
  #ownFlows = new WeakMap<UserInfo, readonly OwnFlow[]>();
  #rebalancedMs = Number.NEGATIVE_INFINITY;
  #isRebalanceDue = false;

  constructor(deps: FlowControlDeps, { seats = 600, waitMs = 15_000 }: FlowControlOptions = {}) {
    this.#deps = deps;
    this.#seats = seats;
    this.#waitMs = waitMs;
    const { store } = deps;
    for (const resource of [flowschemas, prioritylevelconfigurations])
      store.watch({ resource: groupResource(resource) }, store.revision, () => this.#configure());
    this.#configure();
  }

  get store(): Store {
    return this.#deps.store;
  }

  get levels(): readonly PriorityLevel[] {
    return [...this.#levels.values()];
  }

  /** The mandatory catch-all schema takes what no other does. */
  classify(user: UserInfo, attributes: Attributes): Flow {
    for (const { flow, rules } of this.#flowsOf(user))
      for (const rule of rules) if (rule.covers(attributes)) return flow;
    return this.#flows.at(-1) as Flow;
  }

  #flowsOf(user: UserInfo): readonly OwnFlow[] {
    let own = this.#ownFlows.get(user);
    if (!own) {
      own = this.#flows
        .map((flow) => ({ flow, rules: flow.matchers.filter((matcher) => matcher.isOf(user)) }))
        .filter(({ rules }) => rules.length > 0);
      this.#ownFlows.set(user, own);
    }
    return own;
  }

  /**
   * A seat for a request, at once or when there is one; `objects` is how many it will go through. Rejects with
   * `TooManyRequests` when its queue is full or it has waited too long. `onWait` gets what gives up waiting.
   */
  enter(
    { schema, level, counts }: Flow,
    ask: { user: UserInfo; attributes: Attributes; objects: number; onWait?: (giveUp: () => void) => void },
  ): Ticket | Promise<Ticket> {
    const { queue } = level;
    if (!queue) {
      counts?.dispatched(0);
      return exemptTicket;
    }
    const { clock } = this.#deps;
    const arrivedMs = clock.now();
    const waited = () => (clock.now() - arrivedMs) / 1000;
    const seat = new Seat(queue, Math.min(Math.max(Math.ceil(ask.objects / 100), 1), level.maxSeats), clock);
    seat.counts = counts;
    const arrival = queue.arrive(seat, flowOf(schema, ask.user, ask.attributes), arrivedMs);
    if (arrival === 'executing') {
      counts?.dispatched(0);
      return seat;
    }
    if (arrival !== 'queued') {
      counts?.rejected(arrival, 0);
      this.#wantsSeats();
      throw this.#tooMany(level);
    }
    const waits = new Promise<Ticket>((resolve, reject) => {
      const giveUp = () => {
        cancelTimer();
        if (!queue.cancel(seat, clock.now())) return;
        counts?.rejected('time-out', waited());
        reject(this.#tooMany(level));
      };
      const cancelTimer = clock.after(this.#waitMs, giveUp);
      seat.onStart = () => {
        cancelTimer();
        counts?.dispatched(waited());
        resolve(seat);
      };
      ask.onWait?.(giveUp);
    });
    this.#wantsSeats();
    return waits;
  }

  #tooMany(level: PriorityLevel): TooManyRequests {
    return TooManyRequests.after(level.retryAfter.drop(this.#deps.clock.now()));
  }

  /** Somebody found no seat: perhaps another level does not need its own. */
  #wantsSeats(): void {
    const { clock } = this.#deps;
    if (this.#isRebalanceDue) return;
    const restMs = this.#rebalancedMs + rebalanceMs - clock.now();
    if (restMs <= 0) return this.#rebalance();
    this.#isRebalanceDue = true;
    clock.after(restMs, () => {
      this.#isRebalanceDue = false;
      this.#rebalance();
      if (this.levels.some(({ queue }) => queue && queue.waiting > 0)) this.#wantsSeats();
    });
  }

  #rebalance(): void {
    const nowMs = this.#deps.clock.now();
    this.#rebalancedMs = nowMs;
    const { levels } = this;
    const demands = levels.map(({ bounds, queue }) => ({ bounds, demand: queue?.takePeak() ?? 0 }));
    const seats = seatsByDemand(this.#seats, demands);
    levels.forEach((level, i) => level.setSeats(seats[i] as number, nowMs));
  }

  /** The objects as they are now; without the mandatory ones there is no server. */
  #configure(): void {
    const levels = new Map<string, PriorityLevel>();
    for (const config of this.#stored(prioritylevelconfigurations)) {
      const { name } = config.metadata;
      const known = this.#levels.get(name);
      const isSameSort = known && (known.config.spec.type === 'Exempt') === (config.spec.type === 'Exempt');
      const level = isSameSort ? known : new PriorityLevel(config);
      level.config = config;
      levels.set(name, level);
    }
    this.#levels = levels;
    const all = [...levels.values()];
    const bounds = boundsOf(
      this.#seats,
      all.map(({ shares }) => shares),
    );
    all.forEach((level, i) => {
      level.bounds = bounds[i] as PriorityLevel['bounds'];
      level.setSeats(level.bounds.nominal, this.#deps.clock.now());
    });
    this.#flows = inOrderOfPrecedence(this.#stored(flowschemas)).flatMap((schema) => {
      const level = levels.get(schema.spec.priorityLevelConfiguration.name);
      const counts = this.#deps.metrics?.flow.of(schema.metadata.name, level?.name ?? '');
      return level ? [{ schema, level, matchers: matchersOf(schema), counts }] : [];
    });
    this.#ownFlows = new WeakMap();
  }

  #stored<T extends FlowSchema | PriorityLevelConfiguration>(resource: Resource<T>): T[] {
    const { store, objects } = this.#deps;
    const stored = [...store.all(groupResource(resource))].map((version) => objects.read<KubeObject>(version) as T);
    const names = new Set(stored.map(({ metadata }) => metadata.name));
    const missing = mandatoryObjects.filter(
      ({ resource: r, object }) => r.resource === resource.resource && !names.has(object.metadata.name),
    );
    return [...stored, ...missing.map(({ object }) => object as KubeObject as T)];
  }
}
