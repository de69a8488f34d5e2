import type { Clock } from './clock.ts';

/** Long work without I/O that may be left off at every `yield`, so that a turn of the event loop stays short. */
export type Pieces<T> = Generator<undefined, T, undefined>;

/** Does all of it now: for tests, and for work that is known to be small. */
export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does it in as many turns of the event loop as it takes; everything else has its turn between them. */
export async function givingWay<T>(work: Pieces<T>, { giveWay }: Pick<Clock, 'giveWay'>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    const pause = giveWay?.();
    if (pause) await pause;
  }
}
