import { type Clock, nextTurn, type TimerOptions } from '../base/clock.ts';
import { TimerQueue } from '../base/timer-queue.ts';
import type { DrivenClock } from '../base/virtual-clock.ts';

/** The time of another clock, which can be moved ahead of it: what is due on the way runs in order, at its own time. */
export class LiveClock implements DrivenClock {
  readonly #source: Clock;
  readonly #timers = new TimerQueue();
  #aheadMs = 0;
  /** While it is moved ahead it shows the time of what runs. */
  #held: number | undefined;
  #cancel: () => void = () => {};
  #armedFor = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(source: Clock) {
    this.#source = source;
  }

  now(): number {
    return this.#held ?? this.#source.now() + this.#aheadMs;
  }

  after(delayMs: number, run: () => void, options?: TimerOptions): () => void {
    const cancel = this.#timers.add(this.now() + Math.ceil(Math.max(delayMs, 0)), run, options);
    this.#arm();
    return cancel;
  }

  nextDue(): number | undefined {
    return this.#timers.nextDue();
  }

  nextForeground(): number | undefined {
    return this.#timers.nextForeground();
  }

  async advance(ms: number): Promise<void> {
    const end = this.now() + ms;
    await nextTurn();
    for (let due = this.nextDue(); due !== undefined && due <= end; due = this.nextDue()) {
      this.#show(Math.max(due, this.now()));
      this.#timers.runDue(this.now());
      await nextTurn();
    }
    if (end > this.now()) this.#show(end);
    this.#held = undefined;
    // The machine's timer was set for a time that has passed by now.
    this.#cancel();
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  /** Lets go of the real timer, so that the process can end. Nothing runs by itself any more. */
  stop(): void {
    this.#cancel();
    this.#isStopped = true;
  }

  #show(nowMs: number): void {
    this.#held = nowMs;
    this.#aheadMs = nowMs - this.#source.now();
  }

  #arm(): void {
    const due = this.nextDue();
    if (due === undefined || due >= this.#armedFor || this.#held !== undefined || this.#isStopped) return;
    this.#cancel();
    this.#armedFor = due;
    this.#cancel = this.#source.after(due - this.now(), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      if (this.#held === undefined) this.#timers.runDue(this.now());
      this.#arm();
    });
  }
}
