/** What webhooks have answered to a question, each answer for its own time; `most` of them. Times are epoch milliseconds. */
export class RememberedAnswers<T> {
  readonly #most: number;
  readonly #answers = new Map<string, { untilMs: number; answer: T }>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Undefined: it was not asked, or too long ago. */
  get(question: string, nowMs: number): T | undefined {
    const known = this.#answers.get(question);
    return known && known.untilMs > nowMs ? known.answer : undefined;
  }

  set(question: string, answer: T, untilMs: number): void {
    // Start over rather than grow.
    if (this.#answers.size >= this.#most) this.#answers.clear();
    this.#answers.set(question, { untilMs, answer });
  }
}
