import { storageclasses } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types.ts';
import { compareQuantity, parseQuantity } from '../../api/meta/quantity.ts';
import { definePlugin, refused } from './plugin.ts';

const requestOf = (claim: PersistentVolumeClaim) => parseQuantity(claim.spec.resources?.requests?.storage ?? '0');

/** A bound claim grows only where its class allows it. */
export const persistentVolumeClaimResize = definePlugin<PersistentVolumeClaim>({
  name: 'PersistentVolumeClaimResize',
  verbs: ['update'],
  resources: ['persistentvolumeclaims'],
  validate(context) {
    const [claim, old] = [context.object as PersistentVolumeClaim, context.old as PersistentVolumeClaim];
    if (compareQuantity(requestOf(claim), requestOf(old)) <= 0) return;
    if (old.status?.phase !== 'Bound') throw refused(context, 'Only bound persistent volume claims can be expanded');
    const name = claim.spec.storageClassName;
    if (name && context.read.get(storageclasses, '', name)?.allowVolumeExpansion) return;
    throw refused(
      context,
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    );
  },
});
