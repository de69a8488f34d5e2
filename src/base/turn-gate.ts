/** At most so many go on in one turn: together they should not take much more than a few milliseconds. */
const perTurn = 32;

/**
 * Lets those through together that come within one turn of the event loop, in their order. From one `await` to the next they
 * then take each step of their work side by side, and find its code in the processor's caches, where the one before them
 * has just left it. One after another, each with all of its steps, they take half as long again.
 */
export class TurnGate {
  #waiting: (() => void)[] = [];

  /** Resolves when it is this one's turn: after what the event loop has brought by now, 32 of them at a time. */
  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(this.#open);
    });
  }

  readonly #open = (): void => {
    const late = this.#waiting.length > perTurn ? this.#waiting.splice(perTurn) : [];
    const now = this.#waiting;
    this.#waiting = late;
    if (late.length > 0) setImmediate(this.#open);
    for (const resolve of now) resolve();
  };
}
