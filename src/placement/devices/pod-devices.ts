import type { Pod, ResourceResourceClaim } from '../../api/generated/types.ts';
import type { DeviceCatalog } from './device-catalog.ts';

/** How many pods can share a claim (ResourceClaimReservedForMaxSize). */
const maxConsumers = 256;

/** The device claims of a pod, or why it cannot go anywhere yet, in Kubernetes' words. */
export function deviceClaimsOf({ claims }: DeviceCatalog, pod: Pod): ResourceResourceClaim[] | string {
  const found: ResourceResourceClaim[] = [];
  for (const { name, resourceClaimName } of pod.spec.resourceClaims ?? []) {
    const made = pod.status.resourceClaimStatuses?.find((status) => status.name === name);
    // A template that made none on purpose.
    if (made && !made.resourceClaimName && !resourceClaimName) continue;
    const claimName = resourceClaimName ?? made?.resourceClaimName;
    if (!claimName) {
      const { namespace } = pod.metadata;
      return `pod "${namespace}/${pod.metadata.name}": ResourceClaim not created yet`;
    }
    const claim = claims.get(claimName, pod.metadata.namespace);
    if (!claim) return `resourceclaim "${claimName}" not found`;
    if (claim.metadata.deletionTimestamp) return `resourceclaim "${claimName}" is being deleted`;
    const users = claim.status?.reservedFor ?? [];
    if (users.length >= maxConsumers && !users.some(({ uid }) => uid === pod.metadata.uid))
      return 'resourceclaim in use';
    found.push(claim);
  }
  return found;
}

export const isAllocated = ({ status }: ResourceResourceClaim): boolean => status?.allocation !== undefined;
