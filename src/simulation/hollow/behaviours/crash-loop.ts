import type { Behaviour } from '../behaviour.ts';

/** Ends with an error soon after each start. */
export const crashLoop: Behaviour = {
  name: 'crash-loop',
  exit: { after: { from: '1s', to: '5s' }, code: 1, message: 'panic: hollow' },
};
