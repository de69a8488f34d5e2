import type { Behaviour } from '../behaviour.ts';

/** A large image and a slow program. */
export const slowStart: Behaviour = {
  name: 'slow-start',
  pull: { takes: { from: '5s', to: '20s' } },
  start: { takes: '2s' },
  startup: '10s',
};
