import type { Behaviour } from '../behaviour.ts';

/** Does not listen to SIGTERM: every stop takes the whole grace period. */
export const stubborn: Behaviour = { name: 'stubborn', stop: { takes: '24h' } };
