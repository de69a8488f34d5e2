/** How long a turn of the event loop may get before work that can wait is put off, in milliseconds. */
const turnMs = 5;

/** The turns of this process's event loop, for work that is cut where its turn has become long. */
export class Turns {
  /** Of the running turn: when somebody first asked in it. */
  #startedMs: number | undefined;
  #next: Promise<void> | undefined;

  /** Undefined while the turn is young: go on. Otherwise resolves in the next one. */
  giveWay(): Promise<void> | undefined {
    const nowMs = performance.now();
    if (this.#startedMs === undefined) {
      this.#startedMs = nowMs;
      setImmediate(() => {
        this.#startedMs = undefined;
      }).unref();
      return undefined;
    }
    if (nowMs - this.#startedMs < turnMs) return undefined;
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        resolve();
      });
    });
    return this.#next;
  }
}
