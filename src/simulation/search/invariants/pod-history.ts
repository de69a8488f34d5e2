import type { Pod } from '../../../api/generated/types.ts';
import { type Invariant, isEnded } from '../invariant.ts';

const restartsOf = (pod: Pod): number =>
  (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);

export const podHistory: Invariant = {
  name: 'a pod does not move, does not rise from the dead, and forgets no restart',
  follow: () => (change) => {
    const [old, now] = [change.before as Pod, change.now as Pod];
    if (change.resource !== 'pods' || !old || !now || old.metadata.uid !== now.metadata.uid) return [];
    const { name } = now.metadata;
    const wrong: string[] = [];
    if (old.spec.nodeName && old.spec.nodeName !== now.spec.nodeName)
      wrong.push(`${name} moved to ${now.spec.nodeName}`);
    if (isEnded(old) && old.status?.phase !== now.status?.phase) wrong.push(`${name} rose to ${now.status?.phase}`);
    if (restartsOf(now) < restartsOf(old)) wrong.push(`${name} forgot restarts`);
    return wrong;
  },
};
