import type { PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { ephemeralClaimName } from './claim-names.ts';
import type { VolumeCatalog } from './volume-catalog.ts';
import { annotationNames, classOf } from './volume-matching.ts';

/** The claims of a pod by what is left to do for them. */
export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Get their volume once the pod has a node (`WaitForFirstConsumer`). */
  readonly delayed: readonly PersistentVolumeClaim[];
  /** Somebody else has to bind them first. */
  readonly immediate: readonly PersistentVolumeClaim[];
}

export const isBound = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  Boolean(spec.volumeName) && metadata.annotations?.[annotationNames.bindCompleted] !== undefined;

export const waitsForConsumer = (catalog: VolumeCatalog, claim: PersistentVolumeClaim): boolean =>
  catalog.classes.get(classOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';

/** The pod's claims as they are now, or why it cannot go anywhere yet, in Kubernetes' words. */
export function claimsOf(catalog: VolumeCatalog, pod: Pod): PodClaims | string {
  const claims = { bound: [], delayed: [], immediate: [] } as Record<keyof PodClaims, PersistentVolumeClaim[]>;
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    if (!persistentVolumeClaim && !ephemeral) continue;
    const claimName = persistentVolumeClaim?.claimName ?? ephemeralClaimName(pod, name);
    const claim = catalog.claims.get(claimName, pod.metadata.namespace);
    const problem = problemOf(pod, claimName, { claim, isEphemeral: !persistentVolumeClaim });
    if (problem || !claim) return problem ?? '';
    if (isBound(claim)) claims.bound.push(claim);
    else if (!claim.spec.volumeName && waitsForConsumer(catalog, claim)) claims.delayed.push(claim);
    else claims.immediate.push(claim);
  }
  return claims;
}

function problemOf(
  pod: Pod,
  name: string,
  { claim, isEphemeral }: { claim: PersistentVolumeClaim | undefined; isEphemeral: boolean },
): string | undefined {
  if (!claim) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName}"`;
  }
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  const isOwn = claim.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === pod.metadata.uid);
  if (!isEphemeral || isOwn) return undefined;
  const { namespace } = pod.metadata;
  return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
}
