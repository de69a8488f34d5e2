import { storageclasses } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types.ts';
import { newestDefault } from './default-class.ts';
import { definePlugin } from './plugin.ts';

/** A claim that names no class gets the default one. An empty name means none on purpose. */
export const defaultStorageClass = definePlugin<PersistentVolumeClaim>({
  name: 'DefaultStorageClass',
  verbs: ['create'],
  resources: ['persistentvolumeclaims'],
  admit({ object, read }) {
    const claim = object as PersistentVolumeClaim;
    const annotated = claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] !== undefined;
    if (annotated || (claim.spec.storageClassName !== undefined && claim.spec.storageClassName !== null)) return;
    const chosen = newestDefault(read.list(storageclasses), [
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ]);
    if (chosen) claim.spec.storageClassName = chosen.metadata.name;
  },
});
