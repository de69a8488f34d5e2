import type { Invariant } from '../invariant.ts';

export const owners: Invariant = {
  name: 'nothing is left of what is gone',
  atRest({ all }) {
    const uids = new Set(all.map(({ metadata }) => metadata.uid));
    return all.flatMap(({ kind, metadata }) => {
      const refs = metadata.ownerReferences ?? [];
      if (refs.length === 0 || refs.some(({ uid }) => uids.has(uid))) return [];
      return [`${kind} ${metadata.name}: its owner ${refs[0]?.kind} ${refs[0]?.name} is gone`];
    });
  },
};
