import type { TimerOptions } from './clock.ts';
import { Heap } from './heap.ts';

interface Timer {
  at: number;
  order: number;
  /** undefined: cancelled, or has run. */
  run: (() => void) | undefined;
}

const byTime = (a: Timer, b: Timer): number => a.at - b.at || a.order - b.order;

/** The timers of a clock that is moved by hand, in the order in which they are due; equal times in the order of setting. */
export class TimerQueue {
  #order = 0;
  readonly #foreground = new Heap<Timer>(byTime);
  readonly #background = new Heap<Timer>(byTime);

  /** Times are epoch milliseconds. The returned function cancels. */
  add(at: number, run: () => void, { background = false }: TimerOptions = {}): () => void {
    const timer: Timer = { at, order: this.#order++, run };
    (background ? this.#background : this.#foreground).push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  nextDue(): number | undefined {
    const [foreground, background] = [pending(this.#foreground), pending(this.#background)];
    if (!foreground || !background) return (foreground ?? background)?.at;
    return Math.min(foreground.at, background.at);
  }

  nextForeground(): number | undefined {
    return pending(this.#foreground)?.at;
  }

  /** Runs what is due at `now` and was set before this call; what it sets in turn waits for the next one. */
  runDue(now: number): void {
    const end = this.#order;
    for (let timer = this.#next(); timer && timer.at <= now && timer.order < end; timer = this.#next()) {
      const { run } = timer;
      timer.run = undefined;
      run?.();
    }
  }

  /** Moves everything pending by `ms`. */
  shift(ms: number): void {
    for (const heap of [this.#foreground, this.#background]) for (const timer of heap.items()) timer.at += ms;
  }

  #next(): Timer | undefined {
    const [foreground, background] = [pending(this.#foreground), pending(this.#background)];
    if (!foreground || !background) return foreground ?? background;
    return byTime(foreground, background) <= 0 ? foreground : background;
  }
}

/** The first that is still to run; forgets the cancelled ones before it. */
function pending(heap: Heap<Timer>): Timer | undefined {
  for (let timer = heap.peek(); timer; timer = heap.peek()) {
    if (timer.run) return timer;
    heap.pop();
  }
  return undefined;
}
