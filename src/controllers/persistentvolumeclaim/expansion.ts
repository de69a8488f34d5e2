import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types.ts';
import { compareQuantity } from '../../api/meta/quantity.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';
import type { Client } from '../../client/client.ts';
import { requestOf, storageOf } from '../../placement/volumes/volume-matching.ts';
import { defineController, done, watch } from '../runtime.ts';

const resizerAnnotation = 'volume.kubernetes.io/storage-resizer';

/**
 * Says that somebody else's turn has come when a bound claim asks for more than it has: volumes are grown by the resizer of
 * their CSI driver, none by Kubernetes itself.
 */
export const persistentVolumeClaimExpansion = defineController({
  name: 'persistentvolumeclaim.expansion',
  serviceAccount: 'expand-controller',
  eventSource: 'volume_expand',
  workers: 1,
  setup(context) {
    const claims = context.informer(persistentvolumeclaims);
    const volumes = context.informer(persistentvolumes);
    return {
      watches: [watch(claims, (claim) => [keyText(keyOf(claim))], wantsMoreThanBefore)],
      async reconcile(key, client) {
        const claim = claims.get(key);
        const volume = volumes.get(claim?.spec.volumeName ?? '');
        if (!claim || !isTooSmall(claim) || !volume) return done;
        const driver = volume.spec.csi ? undefined : csiSourceOf(volume)?.driver;
        if (driver) await tellResizer(client, claim, driver);
        const message =
          "didn't find a plugin capable of expanding the volume; waiting for an external controller to process this PVC";
        const about = { ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' };
        context.recorder.event(about, 'Normal', 'ExternalExpanding', message);
        return done;
      },
    };
  },
});

/** Volumes of a plugin that a CSI driver has taken over from: its resizer looks for its own name. */
async function tellResizer(client: Client, { metadata }: PersistentVolumeClaim, driver: string): Promise<void> {
  if (metadata.annotations?.[resizerAnnotation] === driver) return;
  const body = { metadata: { annotations: { [resizerAnnotation]: driver } } };
  await client.patch(persistentvolumeclaims, keyOf({ metadata }), { type: 'merge', body }, { subresource: 'status' });
}

const isTooSmall = (claim: PersistentVolumeClaim): boolean =>
  claim.status?.phase === 'Bound' && compareQuantity(requestOf(claim), storageOf(claim.status.capacity)) > 0;

const wantsMoreThanBefore = (old: PersistentVolumeClaim, claim: PersistentVolumeClaim): boolean =>
  compareQuantity(requestOf(claim), requestOf(old)) > 0;
