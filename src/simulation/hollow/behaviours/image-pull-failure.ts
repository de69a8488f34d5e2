import type { Behaviour } from '../behaviour.ts';

/** The image is never found. */
export const imagePullFailure: Behaviour = {
  name: 'image-pull-failure',
  pull: { takes: '1s', fails: 'always', message: 'not found' },
};
