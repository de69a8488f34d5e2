import type { Clock } from '../base/clock.ts';
import { Heap } from '../base/heap.ts';

/** Who can wait here: `place` says whether it still does. */
export interface BackingOff {
  readonly place: string;
  /** When it may be tried again, in epoch milliseconds. */
  readonly readyAt: number;
}

interface Stay<Entry> {
  readonly entry: Entry;
  /** As it was when it began to wait; one that a later move has overtaken is dropped. */
  readonly readyAt: number;
  readonly isFixed: boolean;
}

/** Pods that back off, given back when their time has come. One timer at most is pending. */
export class WaitingRoom<Entry extends BackingOff> {
  readonly #clock: Clock;
  readonly #release: (entry: Entry) => void;
  readonly #waiting = new Heap<Stay<Entry>>((a, b) => a.readyAt - b.readyAt);
  /** Those that must not be brought forward. */
  readonly #fixed = new Heap<Stay<Entry>>((a, b) => a.readyAt - b.readyAt);
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock, release: (entry: Entry) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  add(entry: Entry, { isFixed }: { isFixed: boolean }): void {
    (isFixed ? this.#fixed : this.#waiting).push({ entry, readyAt: entry.readyAt, isFixed });
    this.#schedule();
  }

  /** Brings the first of those forward that may be. */
  take(): Entry | undefined {
    for (let stay = this.#waiting.pop(); stay; stay = this.#waiting.pop()) if (isHere(stay)) return stay.entry;
    return undefined;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #first(): Stay<Entry> | undefined {
    const [a, b] = [this.#waiting.peek(), this.#fixed.peek()];
    return a && b ? (a.readyAt <= b.readyAt ? a : b) : (a ?? b);
  }

  #schedule(): void {
    const next = this.#first();
    if (!next || (this.#timer && this.#timer.at <= next.readyAt)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(next.readyAt - this.#clock.now(), () => this.#releaseDue());
    this.#timer = { at: next.readyAt, cancel };
  }

  #releaseDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let next = this.#first(); next && next.readyAt <= now; next = this.#first()) {
      (next.isFixed ? this.#fixed : this.#waiting).pop();
      if (isHere(next)) this.#release(next.entry);
    }
    this.#schedule();
  }
}

const isHere = ({ entry, readyAt }: Stay<BackingOff>): boolean =>
  entry.place === 'backoff' && entry.readyAt === readyAt;
