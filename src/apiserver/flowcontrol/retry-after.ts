const maxSeconds = 32;

/**
 * What a level tells those whom it turns away: after how many seconds to try again. Doubles while many are turned away,
 * goes down by one when few are, and changes at most once a second (upstream's dropped requests tracker).
 */
export class RetryAfter {
  /** Turned away, by second; the last `maxSeconds` of them. */
  readonly #dropped = new Map<number, number>();
  #second = 0;
  #doubledAt = 0;
  seconds = 1;

  /** One more was turned away. Answers how long it should wait, seconds. */
  drop(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) this.#turn(second);
    this.#dropped.set(second, (this.#dropped.get(second) ?? 0) + 1);
    return this.seconds;
  }

  #turn(second: number): void {
    this.#second = second;
    for (const old of this.#dropped.keys()) if (second - old > maxSeconds) this.#dropped.delete(old);
    let recent = 0;
    for (const [at, count] of this.#dropped) if (second - at <= this.seconds) recent += count;
    if (recent >= 3 * this.seconds && second - this.#doubledAt >= this.seconds) {
      this.seconds = Math.min(2 * this.seconds, maxSeconds);
      this.#doubledAt = second;
    } else if (recent < this.seconds && this.seconds > 1) this.seconds--;
  }
}
