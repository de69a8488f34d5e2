import { claimsOf } from '../volumes/pod-claims.ts';
import { volumePlanner } from '../volumes/volume-plan.ts';
import { type NodeFilter, rejection } from './node-filter.ts';

/** Every claim of the pod has a volume that the node can reach, or can get one there. */
export const volumeBinding: NodeFilter = {
  prepare({ snapshot, pod }) {
    const claims = claimsOf(snapshot.volumes, pod);
    if (typeof claims === 'string') return rejection(claims);
    if (claims.immediate.length > 0) return rejection('pod has unbound immediate PersistentVolumeClaims');
    if (claims.bound.length + claims.delayed.length === 0) return undefined;
    const planOn = volumePlanner(snapshot, claims);
    return {
      passes: (slot) => !Array.isArray(planOn(slot)),
      reasons: (slot) => {
        const plan = planOn(slot);
        return Array.isArray(plan) ? plan : [];
      },
    };
  },
};
