/** Lets at most `limit` tasks run at once; the others wait in order. The queue is bounded by the number of callers. */
export class Limiter {
  readonly #limit: number;
  readonly #first: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #patient: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `first`: before those that are not: what has been begun is finished before more is begun. */
  async run<T>(task: () => Promise<T>, { first = false } = {}): Promise<T> {
    if (this.#running >= this.#limit) await wait(first ? this.#first : this.#waiting);
    else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#first.shift() ?? this.#waiting.shift();
      // The place is handed on, not given back: nobody can slip in between.
      if (next) next();
      else this.#running--;
      if (!this.#hasQueue) for (const resolve of this.#patient.splice(0)) resolve();
    }
  }

  /** Resolves when nobody waits: then there is time for what can be put off. */
  async spareTime(): Promise<void> {
    if (this.#hasQueue) await wait(this.#patient);
  }

  get #hasQueue(): boolean {
    return this.#first.length + this.#waiting.length > 0;
  }
}

const wait = (queue: (() => void)[]): Promise<void> => new Promise((resolve) => queue.push(resolve));
