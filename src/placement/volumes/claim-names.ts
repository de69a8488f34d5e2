import type { Pod } from '../../api/generated/types.ts';

/** The claim behind an ephemeral volume (KEP-1698). */
export const ephemeralClaimName = (pod: Pod, volume: string): string => `${pod.metadata.name}-${volume}`;

/** The claims that a pod uses, its own ephemeral ones among them. */
export const claimNamesOf = (pod: Pod): string[] =>
  (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [ephemeralClaimName(pod, name)] : [];
  });
