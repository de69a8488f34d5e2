import { controllerUid, type Invariant, isActive, isReady } from '../invariant.ts';

export const replicas: Invariant = {
  name: 'every Deployment and ReplicaSet has the pods it wants, and says so',
  atRest({ deployments, replicaSets, pods }) {
    const wrong: string[] = [];
    const activeOf = (uid: string | undefined) => pods.filter((pod) => controllerUid(pod) === uid && isActive(pod));
    for (const { metadata, spec, status } of replicaSets) {
      const active = activeOf(metadata.uid);
      if (active.length !== (spec?.replicas ?? 1))
        wrong.push(`${metadata.name}: ${active.length} of ${spec?.replicas} pods`);
      const ready = active.filter(isReady).length;
      if ((status?.readyReplicas ?? 0) !== ready)
        wrong.push(`${metadata.name} says ${status?.readyReplicas ?? 0} ready, it is ${ready}`);
    }
    for (const { metadata, spec, status } of deployments) {
      const sets = replicaSets.filter((set) => controllerUid(set) === metadata.uid);
      // A rollout whose pods find no room stands still: it may not take more old ones away.
      if (sets.some((set) => activeOf(set.metadata.uid).some((pod) => !isReady(pod)))) continue;
      const total = sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
      if (total !== (spec?.replicas ?? 1)) wrong.push(`${metadata.name}: sets for ${total} of ${spec?.replicas} pods`);
      if ((status?.updatedReplicas ?? 0) !== total) wrong.push(`${metadata.name} is not through with its rollout`);
      if (status?.observedGeneration !== metadata.generation) wrong.push(`${metadata.name} was not looked at`);
    }
    return wrong;
  },
};
