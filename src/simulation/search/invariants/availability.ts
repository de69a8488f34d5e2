import type { Deployment, Pod, ReplicaSet } from '../../../api/generated/types.ts';
import { type Change, controllerUid, type Invariant, isActive, isReady } from '../invariant.ts';
import { BoundsInForce } from '../rollout-bounds.ts';

/** Once they were: what takes pods away from outside is nobody's fault, so it is judged only while all is calm. */
export const availability: Invariant = {
  name: 'while nobody takes pods away, as many of a Deployment stay ready as it promises',
  follow() {
    const bounds = new BoundsInForce();
    /** Of each set, its Deployment. */
    const owners = new Map<string, string>();
    const ready = new Map<string, Set<string>>();
    /** Deployments that had as many as they promise. */
    const wereThere = new Set<string>();
    return ({ resource, before, now, isCalm }: Change) => {
      const uid = (now ?? before)?.metadata.uid as string;
      if (resource === 'deployments.apps') bounds.note(before as Deployment | undefined, now as Deployment | undefined);
      if (resource === 'replicasets.apps') owners.set(uid, controllerUid((now ?? before) as ReplicaSet) ?? '');
      const deployment =
        resource === 'deployments.apps' ? uid : (owners.get(controllerUid((now ?? before) as Pod) ?? '') ?? '');
      const least = bounds.of(deployment)?.least;
      if (least === undefined || !(resource === 'pods' || resource === 'deployments.apps')) return [];
      const mine = ready.get(deployment) ?? new Set<string>();
      ready.set(deployment, mine);
      if (resource === 'pods') {
        if (now && isActive(now as Pod) && isReady(now as Pod)) mine.add(uid);
        else mine.delete(uid);
      }
      if (mine.size >= least) {
        wereThere.add(deployment);
        return [];
      }
      const isBroken = isCalm && resource === 'pods' && wereThere.has(deployment);
      // More are wanted than there were, or it is said already.
      wereThere.delete(deployment);
      return isBroken ? [`${(now ?? before)?.metadata.name}: ${mine.size} ready of ${least} that must be`] : [];
    };
  },
};
