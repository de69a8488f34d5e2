import type { Invariant } from '../invariant.ts';

export const deletions: Invariant = {
  name: 'what was deleted goes',
  atRest: ({ all }) =>
    all
      .filter(({ metadata }) => metadata.deletionTimestamp)
      .map(
        ({ kind, metadata }) => `${kind} ${metadata.name} is still going, finalizers ${metadata.finalizers ?? 'none'}`,
      ),
};
