import type { Pod, ResourceResourceClaim, ResourceClaimConsumerReference } from '../../api/generated/types.ts';
import { keyText } from '../../api/resource.ts';
import { isPodTerminal } from '../pod-state.ts';

/** Keeps an allocated claim from going before its devices are given back. */
export const deleteProtection = 'resource.kubernetes.io/delete-protection';

/** The pods for which a claim is reserved and that still need it. `podByUid` asks for a pod of the claim's namespace. */
export function reservedStill(
  claim: ResourceResourceClaim,
  podOf: (name: string) => Pod | undefined,
): ResourceClaimConsumerReference[] {
  return (claim.status?.reservedFor ?? []).filter((consumer) => {
    // What others reserved for themselves is theirs to give back.
    if (consumer.resource !== 'pods' || consumer.apiGroup) return true;
    const pod = podOf(consumer.name);
    return pod !== undefined && pod.metadata.uid === consumer.uid && !isOver(pod);
  });
}

/** It runs no more, or was deleted before it came to a node and never will. */
export const isOver = (pod: Pod): boolean =>
  isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName);

/** `namespace/name` of the pods that a claim is reserved for. */
export const reservedKeysOf = ({ metadata, status }: ResourceResourceClaim): string[] =>
  (status?.reservedFor ?? [])
    .filter((consumer) => consumer.resource === 'pods')
    .map(({ name }) => keyText({ namespace: metadata.namespace, name }));
