import type { Deployment, ReplicaSet } from '../../../api/generated/types.ts';
import { type Change, controllerUid, type Invariant } from '../invariant.ts';
import { type Bounds, BoundsInForce } from '../rollout-bounds.ts';

/** Of what sets want; whether so many pods are there is for the sets. */
export const rollouts: Invariant = {
  name: 'a Deployment never wants more pods than its replicas and surge, nor fewer than must be available',
  follow() {
    const bounds = new BoundsInForce();
    const sets = new Map<string, ReplicaSet>();
    return ({ resource, before, now }: Change) => {
      if (resource === 'deployments.apps') bounds.note(before as Deployment | undefined, now as Deployment | undefined);
      if (resource !== 'replicasets.apps') return [];
      const set = (now ?? before) as ReplicaSet;
      const uid = set.metadata.uid as string;
      const wantedBefore = sets.get(uid)?.spec?.replicas ?? 0;
      if (!now) {
        sets.delete(uid);
        return [];
      }
      sets.set(uid, set);
      const owner = controllerUid(set);
      const allowed = bounds.of(owner);
      const mine = [...sets.values()].filter((each) => controllerUid(each) === owner);
      const total = mine.reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
      return allowed ? judge(set, { wantedBefore, total, allowed }) : [];
    };
  },
};

/** Only who goes further is to blame: less may be allowed than there was. */
function judge(
  { metadata, spec }: ReplicaSet,
  { wantedBefore, total, allowed }: { wantedBefore: number; total: number; allowed: Bounds },
): string[] {
  const wanted = spec?.replicas ?? 0;
  if (wanted > wantedBefore && total > allowed.most)
    return [`${metadata.name} up to ${wanted}: ${total} pods wanted, ${allowed.most} allowed`];
  if (wanted < wantedBefore && total < allowed.least)
    return [`${metadata.name} down to ${wanted}: ${total} pods wanted, ${allowed.least} needed`];
  return [];
}
