import type { PriorityLevelConfiguration } from '../../api/generated/types.ts';
import { FairQueue, type QueueConfig } from './fair-queue.ts';
import { RetryAfter } from './retry-after.ts';
import type { SeatBounds, Shares } from './seats.ts';

/** A list takes at most this many seats, and never more than this part of its level (upstream's work estimator). */
const widest = { seats: 10, part: 0.15 };

/** One PriorityLevelConfiguration at work. */
export class PriorityLevel {
  readonly name: string;
  readonly retryAfter = new RetryAfter();
  /** Requests of an exempt level neither wait nor count. */
  readonly queue: FairQueue | undefined;
  config: PriorityLevelConfiguration;
  bounds: SeatBounds = { nominal: 0, min: 0, max: 0 };

  constructor(config: PriorityLevelConfiguration) {
    this.name = config.metadata.name;
    this.config = config;
    this.queue = config.spec.type === 'Exempt' ? undefined : new FairQueue(queueConfigOf(config, 0));
  }

  get shares(): Shares {
    const { limited, exempt } = this.config.spec;
    const { nominalConcurrencyShares, lendablePercent = 0 } = limited ?? exempt ?? {};
    const { borrowingLimitPercent } = limited ?? {};
    return { nominal: nominalConcurrencyShares ?? (limited ? 30 : 0), lendablePercent, borrowingLimitPercent };
  }

  get maxSeats(): number {
    return Math.max(1, Math.min(widest.seats, Math.ceil(widest.part * this.bounds.nominal)));
  }

  /** Takes on what its object says now, with `seats` to give. */
  setSeats(seats: number, nowMs: number): void {
    this.queue?.configure(queueConfigOf(this.config, seats), nowMs);
  }
}

/** API defaults have filled in what a stored object leaves out. */
function queueConfigOf({ spec }: PriorityLevelConfiguration, seats: number): QueueConfig {
  const queuing = spec.limited?.limitResponse?.queuing;
  if (!queuing) return { seats, queues: 0, handSize: 0, queueLengthLimit: 0 };
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing;
  return { seats, queues, handSize, queueLengthLimit };
}
