import type { Behaviour } from '../behaviour.ts';

/** Does its work in a second and ends well: what the pods of a Job do unless told otherwise. */
export const completes: Behaviour = { name: 'completes', for: { owner: 'Job' }, exit: { after: '1s', code: 0 } };
