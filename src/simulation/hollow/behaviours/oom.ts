import type { Behaviour } from '../behaviour.ts';

/** Killed for its memory, again and again. */
export const oom: Behaviour = { name: 'oom', exit: { after: { from: '5s', to: '20s' }, oom: true } };
