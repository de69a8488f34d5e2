import type { KubeObject } from '../../api/resource.ts';
import { definePlugin } from './plugin.ts';

const finalizers: Record<string, string> = {
  persistentvolumes: 'kubernetes.io/pv-protection',
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
};

/** Volumes and claims are guarded from their first moment; controllers take the guard away when nobody uses them. */
export const storageObjectInUseProtection = definePlugin({
  name: 'StorageObjectInUseProtection',
  verbs: ['create'],
  resources: Object.keys(finalizers),
  admit({ object, resource }) {
    const { metadata } = object as KubeObject;
    const finalizer = finalizers[resource] as string;
    if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
});
