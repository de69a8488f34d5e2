import type { Behaviour } from '../behaviour.ts';

/** The first run fails, the second goes on. */
export const crashOnce: Behaviour = { name: 'crash-once', exit: { after: '2s', code: 1, times: 1 } };
