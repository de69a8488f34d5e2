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
}

export interface WaitingRoomOptions<Entry> {
  /** Who goes first of those that are ready. */
  compare(a: Entry, b: Entry): number;
  /** Is given those whose time has come. */
  release(entry: Entry): void;
}

/** Of those that may be brought forward and are ready within the same second, the more important goes first (KEP-5142). */
const windowMs = 1000;
const windowOf = ({ readyAt }: Stay<unknown>): number => Math.floor(readyAt / windowMs);

/** Pods that back off, given back when their time has come. One timer at most is pending. */
export class WaitingRoom<Entry extends BackingOff> {
  readonly #clock: Clock;
  readonly #release: (entry: Entry) => void;
  /** All of them, by their time. */
  readonly #due = new Heap<Stay<Entry>>((a, b) => a.readyAt - b.readyAt);
  /** Those that may be brought forward. */
  readonly #early: Heap<Stay<Entry>>;
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock, { compare, release }: WaitingRoomOptions<Entry>) {
    this.#clock = clock;
    this.#release = release;
    this.#early = new Heap<Stay<Entry>>((a, b) => windowOf(a) - windowOf(b) || compare(a.entry, b.entry));
  }

  /** `isFixed`: it must not be brought forward. */
  add(entry: Entry, { isFixed }: { isFixed: boolean }): void {
    const stay = { entry, readyAt: entry.readyAt };
    this.#due.push(stay);
    if (!isFixed) this.#early.push(stay);
    this.#schedule();
  }

  /** Brings the first of those forward that may be. */
  take(): Entry | undefined {
    dropGone(this.#early);
    return this.#early.pop()?.entry;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    dropGone(this.#due);
    const next = this.#due.peek();
    if (!next || (this.#timer && this.#timer.at <= next.readyAt)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(next.readyAt - this.#clock.now(), () => this.#releaseDue());
    this.#timer = { at: next.readyAt, cancel };
  }

  #releaseDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let next = this.#due.peek(); next && next.readyAt <= now; next = this.#due.peek()) {
      this.#due.pop();
      if (isHere(next)) this.#release(next.entry);
    }
    // Nobody takes from it while there is always something ready.
    dropGone(this.#early);
    this.#schedule();
  }
}

const isHere = ({ entry, readyAt }: Stay<BackingOff>): boolean =>
  entry.place === 'backoff' && entry.readyAt === readyAt;

function dropGone<Entry extends BackingOff>(stays: Heap<Stay<Entry>>): void {
  for (let first = stays.peek(); first && !isHere(first); first = stays.peek()) stays.pop();
}
