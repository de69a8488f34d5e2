import { pods, statefulsets } from '../../api/generated/resources.ts';
import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { controllerOf, controllerReference } from '../ownership.ts';
import { isInRange, ordinalOf } from './identity.ts';

const isRefTo = (kind: string, name: string) => (ref: OwnerReference) => ref.kind === kind && ref.name === name;

/** Somebody else manages the claim: the retention policy is not ours to carry out. */
export function isManagedByOther(claim: PersistentVolumeClaim, set: StatefulSet, podName: string): boolean {
  const owner = controllerOf(claim);
  if (!owner) return false;
  return !isRefTo('Pod', podName)(owner) && owner.uid !== set.metadata.uid;
}

/**
 * The owners a claim should have, so that the garbage collector carries out the retention policy (KEP-1847): the set where
 * claims go with the set, the pod where they go with a pod that is scaled away. Undefined: as they are.
 */
export function claimOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): OwnerReference[] | undefined {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const isScaledAway = !isInRange(set, ordinalOf(pod));
  const wanted: OwnerReference[] = [];
  if (isScaledAway && whenScaled === 'Delete') wanted.push(controllerReference(pods, pod));
  else if (whenDeleted === 'Delete') wanted.push(controllerReference(statefulsets, set));
  const given = claim.metadata.ownerReferences ?? [];
  const isOurs = (ref: OwnerReference) =>
    ref.uid === set.metadata.uid ||
    isRefTo('StatefulSet', set.metadata.name)(ref) ||
    isRefTo('Pod', pod.metadata.name)(ref);
  const ours = given.filter(isOurs);
  if (ours.length === wanted.length && wanted.every((w) => ours.some((o) => o.uid === w.uid && o.controller))) {
    return undefined;
  }
  return [...given.filter((ref) => !isOurs(ref)), ...wanted];
}

/** The claim goes with an earlier pod of that name: a pod made now would lose it. */
export const isGoingWithOlderPod = (
  claim: PersistentVolumeClaim,
  podName: string,
  podUid: string | undefined,
): boolean =>
  claim.metadata.ownerReferences?.some((ref) => isRefTo('Pod', podName)(ref) && ref.uid !== podUid) === true;
