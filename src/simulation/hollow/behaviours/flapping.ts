import type { Behaviour } from '../behaviour.ts';

/** Ready for half a minute, not ready for ten seconds, for ever. */
export const flapping: Behaviour = { name: 'flapping', flap: { up: '30s', down: '10s' } };
