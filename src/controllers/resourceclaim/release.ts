import { pods, resourceclaims } from '../../api/generated/resources.ts';
import type { Pod, ResourceResourceClaim } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { hasFinalizer, withoutFinalizer } from '../finalizers.ts';
import { controllerOf } from '../ownership.ts';
import { defineController, done, watch } from '../runtime.ts';
import { isMadeForPod } from './pod-claims.ts';
import { deleteProtection, isOver, reservedKeysOf, reservedStill } from './reservation.ts';

/** Gives devices back: a claim that nobody needs any more loses its allocation, and goes when it was made for one pod. */
export const resourceClaimRelease = defineController({
  name: 'resourceclaim.release',
  serviceAccount: 'resource-claim-controller',
  setup(context) {
    const claims = context.informer(resourceclaims);
    const allPods = context.informer(pods);
    claims.addIndex('reservedPod', reservedKeysOf);
    const keysOfPod = (pod: Pod): string[] =>
      claims.index('reservedPod', keyText(keyOf(pod))).map((claim) => keyText(keyOf(claim)));
    return {
      watches: [watch(claims, (claim) => [keyText(keyOf(claim))]), watch(allPods, keysOfPod)],
      async reconcile(key, client) {
        const claim = claims.get(key);
        if (!claim) return done;
        const podOf = (name: string) => allPods.get({ namespace: claim.metadata.namespace, name });
        const freed = await free(client, claim, podOf);
        const owner = podOf(controllerOf(claim)?.name ?? '');
        if (isMadeForPod(freed) && !freed.metadata.deletionTimestamp && owner && isOver(owner))
          await remove(client, freed);
        return done;
      },
    };
  },
});

async function free(
  client: Client,
  claim: ResourceResourceClaim,
  podOf: (name: string) => Pod | undefined,
): Promise<ResourceResourceClaim> {
  const { status } = claim;
  const reservedFor = reservedStill(claim, podOf);
  const isFreed = reservedFor.length < (status?.reservedFor?.length ?? 0);
  const isGoing = claim.metadata.deletionTimestamp !== undefined && reservedFor.length === 0;
  if (!isFreed && !isGoing) return claim;
  let current = claim;
  if (isFreed || status?.allocation) {
    // Without a consumer the devices are given back at once: the scheduler allocates when a pod comes.
    const next = reservedFor.length > 0 ? { ...status, reservedFor } : without(status, 'reservedFor', 'allocation');
    current = await client.update(resourceclaims, { ...claim, status: next }, { subresource: 'status' });
  }
  if (current.status?.allocation || !hasFinalizer(current, deleteProtection)) return current;
  return client.update(resourceclaims, withoutFinalizer(current, deleteProtection));
}

const without = <T extends object>(object: T | undefined, ...names: (keyof T)[]): T =>
  Object.fromEntries(Object.entries(object ?? {}).filter(([name]) => !names.includes(name as keyof T))) as T;

async function remove(client: Client, claim: ResourceResourceClaim): Promise<void> {
  try {
    await client.delete(resourceclaims, keyOf(claim), { preconditions: { uid: claim.metadata.uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
