import type { Decided, Decision } from './attributes.ts';

/** For tests: a decision that must not have asked anybody outside. */
export function atOnce(decided: Decided): Decision {
  if (decided instanceof Promise) throw new Error('the decision was not there at once');
  return decided;
}
