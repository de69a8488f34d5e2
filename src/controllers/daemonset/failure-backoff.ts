import type { DaemonSet } from '../../api/generated/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

const backoff = { baseMs: 1000, maxMs: 900_000 };
/** At the limit the oldest entry is forgotten: its node may try again at once. */
const maxEntries = 10_000;

/** How often daemons that fail are replaced: 1 s, doubling to 15 min, per set, revision of its spec and node. */
export class FailureBackoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { failures: number; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0: do it now, it is counted; else how long to wait. */
  attempt({ metadata }: DaemonSet, node: string): number {
    const key = `${metadata.uid}/${metadata.generation}/${node}`;
    const nowMs = this.#clock.now();
    const known = this.#entries.get(key);
    const isOld = known && nowMs - known.atMs > 2 * backoff.maxMs;
    const failures = known && !isOld ? known.failures : 0;
    const leftMs = known && failures > 0 ? known.atMs + backoffMs(failures, backoff) - nowMs : 0;
    if (leftMs > 0) return leftMs;
    this.#entries.delete(key);
    this.#entries.set(key, { failures: failures + 1, atMs: nowMs });
    if (this.#entries.size > maxEntries) this.#entries.delete(this.#entries.keys().next().value as string);
    return 0;
  }
}
