import type { Behaviour } from '../behaviour.ts';

/** Runs at once, ready half a minute later. */
export const slowReady: Behaviour = { name: 'slow-ready', ready: { from: '20s', to: '40s' } };
