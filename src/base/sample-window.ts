import { type Clock, sleep } from './clock.ts';

/** A reading of counters, and when it was taken. */
export interface Reading<T> {
  atMs: number;
  value: T;
}

/** Two readings: what the counters did in between is a rate. */
export interface Window<T> {
  older: Reading<T>;
  newer: Reading<T>;
}

/** A reading younger than this is good enough for the next one who asks. */
const freshMs = 1000;
/** The shortest time that a rate is made from. */
const leastMs = 1000;
/** A rate is better over this long, when somebody asked as long ago. */
const wantedMs = 10_000;
/** An older reading says nothing of now. */
const mostMs = 120_000;

/**
 * Rates of counters that are read only when somebody asks: the earlier one is what was read for whoever asked before. The
 * first to ask waits a second for the second reading. Keeps the readings of two minutes that are ten seconds apart.
 */
export class SampleWindow<T> {
  readonly #clock: Clock;
  readonly #read: () => Promise<T>;
  #kept: Reading<T>[] = [];
  #reading: Promise<Reading<T>> | undefined;

  constructor(clock: Clock, read: () => Promise<T>) {
    this.#clock = clock;
    this.#read = read;
  }

  /** The counters, a second old at most. */
  latest(): Promise<Reading<T>> {
    const newest = this.#kept.at(-1);
    if (newest && this.#clock.now() - newest.atMs < freshMs) return Promise.resolve(newest);
    return this.#take();
  }

  async window(): Promise<Window<T>> {
    const newer = await this.latest();
    const older = this.#olderThan(newer);
    if (older) return { older, newer };
    await sleep(this.#clock, leastMs);
    const second = await this.#take();
    return { older: this.#olderThan(second) ?? newer, newer: second };
  }

  /** The one nearest to what is wanted. */
  #olderThan({ atMs }: Reading<T>): Reading<T> | undefined {
    const able = this.#kept.filter((one) => atMs - one.atMs >= leastMs && atMs - one.atMs <= mostMs);
    return able.findLast((one) => atMs - one.atMs >= wantedMs) ?? able[0];
  }

  /** Whoever asks meanwhile gets the same. */
  #take(): Promise<Reading<T>> {
    this.#reading ??= this.#read()
      .then((value) => {
        const taken = { atMs: this.#clock.now(), value };
        this.#keep(taken);
        return taken;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  /** The newest, and of the others those that are apart. */
  #keep(taken: Reading<T>): void {
    const recent = this.#kept.filter(({ atMs }) => taken.atMs - atMs <= mostMs);
    const [last, before] = [recent.at(-1), recent.at(-2)];
    if (last && before && last.atMs - before.atMs < wantedMs) recent.pop();
    this.#kept = [...recent, taken];
  }
}
