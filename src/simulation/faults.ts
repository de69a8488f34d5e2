import { StatusError, type StatusReason } from '../api/meta/status-error.ts';
import { groupResource } from '../api/resource.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { type Duration, durationMs } from '../base/duration.ts';
import type { Rng } from '../base/rng.ts';
import type { WatchEvent, WatchHandle, WatchSink } from '../client/client.ts';
import type { ApiCall, ApiVerb, Transport } from '../client/transport.ts';

/** Which requests a fault is for. What is not given matches everything. */
export interface FaultTarget {
  /** Whose: `replicaset-controller`, `kube-controller-manager` (all controllers' caches), `kube-scheduler`, a node's name. */
  client?: string;
  /** `pods`, `deployments.apps` */
  resource?: string;
  verb?: ApiVerb;
  subresource?: string;
  name?: string;
  /** How likely each time, from 0 to 1; always unless told. */
  chance?: number;
  /** After so many hits it is over. */
  times?: number;
}

/** What goes wrong. */
export type Fault = FaultTarget &
  (
    | {
        /** The call is refused with this reason. */
        fail: StatusReason;
        /** The call does its work all the same; only the answer is lost. */
        afterwards?: boolean;
      }
    | {
        /** Each call takes so much longer. */
        slow: Duration;
      }
    | {
        /** A watch breaks instead of bringing its next events. With `expired` it cannot be resumed: list again. */
        loseWatch: 'broken' | 'expired';
      }
    | {
        /** Watches bring their events so much later: caches are stale. */
        stale: Duration;
      }
  );

export interface ActiveFault {
  readonly hits: number;
  /** The fault is over. */
  stop(): void;
}

class Rule implements ActiveFault {
  readonly fault: Fault;
  hits = 0;
  isOver = false;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  stop(): void {
    this.isOver = true;
  }
}

interface Request {
  client: string;
  resource: string;
  verb: ApiVerb | 'watch';
  subresource?: string;
  name?: string;
}

/** Stands between clients and the API server, and lets go wrong what it is told to. The person's own client is spared. */
export class FaultInjector {
  readonly #deps: { clock: Clock; rng: Rng };
  #rules: Rule[] = [];

  constructor(deps: { clock: Clock; rng: Rng }) {
    this.#deps = deps;
  }

  inject(fault: Fault): ActiveFault {
    const rule = new Rule(fault);
    this.#rules.push(rule);
    return rule;
  }

  stopAll(): void {
    for (const rule of this.#rules) rule.stop();
    this.#rules = [];
  }

  wrap(transport: Transport, client: string): Transport {
    return {
      call: (call) => (this.#rules.length === 0 ? transport.call(call) : this.#call(transport, call, client)),
      watch: (call, sink) => {
        const request = { client, resource: groupResource(call.resource), verb: 'watch' as const };
        return new FaultyWatch(this.#deps.clock, sink, (kind) => this.#hit(request, kind)).open((inner) =>
          transport.watch(call, inner),
        );
      },
    };
  }

  async #call(transport: Transport, call: ApiCall, client: string): Promise<unknown> {
    const { verb, subresource, key } = call;
    const request = { client, resource: groupResource(call.resource), verb, subresource, name: key.name };
    const slow = this.#hit(request, 'slow');
    if (slow && 'slow' in slow) await sleep(this.#deps.clock, durationMs(slow.slow));
    const fault = this.#hit(request, 'fail');
    if (!fault || !('fail' in fault)) return transport.call(call);
    if (fault.afterwards) await transport.call(call);
    throw StatusError.of(fault.fail, `a fault was injected into ${verb} ${request.resource} of ${client}`);
  }

  /** The first fault of a kind that is for this request and, by chance, now; counted. */
  #hit(request: Request, kind: 'fail' | 'slow' | 'loseWatch' | 'stale'): Fault | undefined {
    const { rng } = this.#deps;
    for (const rule of this.#rules) {
      const { fault } = rule;
      if (rule.isOver || !(kind in fault) || !isFor(fault, request)) continue;
      if (fault.chance !== undefined && rng.next() >= fault.chance) continue;
      rule.hits++;
      if (fault.times !== undefined && rule.hits >= fault.times) rule.stop();
      return fault;
    }
    return undefined;
  }
}

const isFor = (target: FaultTarget, request: Request): boolean =>
  (['client', 'resource', 'verb', 'subresource', 'name'] as const).every(
    (key) => target[key] === undefined || target[key] === request[key],
  );

/** A watch that may break or lag. Events never overtake each other. */
class FaultyWatch {
  readonly #clock: Clock;
  readonly #sink: WatchSink;
  readonly #hit: (kind: 'loseWatch' | 'stale') => Fault | undefined;
  #inner: WatchHandle | undefined;
  #isOver = false;
  /** When the last delayed batch arrives, and how many are on their way. */
  #lastMs = 0;
  #underway = 0;

  constructor(clock: Clock, sink: WatchSink, hit: (kind: 'loseWatch' | 'stale') => Fault | undefined) {
    this.#clock = clock;
    this.#sink = sink;
    this.#hit = hit;
  }

  open(watch: (sink: WatchSink) => WatchHandle): WatchHandle {
    this.#inner = watch({ events: (batch) => this.#events(batch), end: (error) => this.#end(error) });
    if (this.#isOver) this.#inner.stop();
    return { stop: () => this.#stop() };
  }

  #events(batch: WatchEvent[]): void {
    const lost = this.#hit('loseWatch');
    if (lost && 'loseWatch' in lost) {
      const isExpired = lost.loseWatch === 'expired';
      return this.#end(
        StatusError.of(isExpired ? 'Expired' : 'ServiceUnavailable', 'a fault was injected: watch lost'),
      );
    }
    const stale = this.#hit('stale');
    const dueMs = Math.max(this.#lastMs, this.#clock.now() + (stale && 'stale' in stale ? durationMs(stale.stale) : 0));
    const waitMs = dueMs - this.#clock.now();
    if (waitMs <= 0 && this.#underway === 0) return this.#sink.events(batch);
    this.#lastMs = dueMs;
    this.#underway++;
    this.#clock.after(waitMs, () => {
      this.#underway--;
      if (!this.#isOver) this.#sink.events(batch);
    });
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#stop();
    this.#sink.end(error);
  }

  #stop(): void {
    this.#isOver = true;
    this.#inner?.stop();
  }
}
