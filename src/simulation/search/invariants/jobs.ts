import { controllerUid, type Invariant, isActive } from '../invariant.ts';

const over = new Set(['Complete', 'Failed', 'Suspended']);

export const jobs: Invariant = {
  name: 'every Job comes to an end, and its pods with it',
  atRest: ({ jobs: all, pods }) =>
    all.flatMap(({ metadata, spec, status }) => {
      const end = status?.conditions?.find(({ type, status: is }) => over.has(type) && is === 'True');
      if (!end)
        return [`${metadata.name} has not ended: ${status?.active ?? 0} active, ${status?.succeeded ?? 0} succeeded`];
      const active = pods.filter((pod) => controllerUid(pod) === metadata.uid && isActive(pod));
      if (active.length > 0) return [`${metadata.name} is ${end.type}, ${active.length} pods still run`];
      const isShort = end.type === 'Complete' && (status?.succeeded ?? 0) < (spec?.completions ?? 1);
      return isShort ? [`${metadata.name} is complete with ${status?.succeeded} of ${spec?.completions}`] : [];
    }),
};
