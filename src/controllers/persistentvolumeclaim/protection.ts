import { persistentvolumeclaims, pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../finalizers.ts';
import { defineController, done, watch } from '../runtime.ts';
import { claimNamesOf } from '../../placement/volumes/claim-names.ts';

const finalizer = 'kubernetes.io/pvc-protection';

/** A claim that is deleted while a pod uses it goes when the last such pod does. */
export const persistentVolumeClaimProtection = defineController({
  name: 'persistentvolumeclaim.protection',
  serviceAccount: 'pvc-protection-controller',
  setup(context) {
    const claims = context.informer(persistentvolumeclaims);
    const allPods = context.informer(pods);
    const keysOfPod = (pod: Pod): string[] =>
      claimNamesOf(pod).map((name) => keyText({ namespace: pod.metadata.namespace, name }));
    return {
      watches: [watch(claims, (c) => [keyText(keyOf(c))]), watch(allPods, keysOfPod)],
      async reconcile(key, client) {
        const claim = claims.get(key);
        if (!claim) return done;
        const isGuarded = hasFinalizer(claim, finalizer);
        if (!claim.metadata.deletionTimestamp) {
          if (!isGuarded) await client.update(persistentvolumeclaims, withFinalizer(claim, finalizer));
          return done;
        }
        if (!isGuarded || allPods.list(claim.metadata.namespace).some(uses(claim.metadata.name))) return done;
        // The cache may be behind: a pod may have come to a node just now.
        const { items } = await client.list(pods, { namespace: claim.metadata.namespace });
        if (items.some(uses(claim.metadata.name))) return done;
        try {
          await client.update(persistentvolumeclaims, withoutFinalizer(claim, finalizer));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});

/** A pod without a node cannot get one any more once the claim is going. */
const uses = (name: string) => (pod: Pod) => pod.spec.nodeName !== undefined && claimNamesOf(pod).includes(name);
