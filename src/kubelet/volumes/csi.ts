import { inlineMount } from '../csi/csi-mount.ts';
import type { VolumeKind } from './volume.ts';

/** A volume of a CSI driver that lives as long as the pod (KEP-596). */
export const csi: VolumeKind = {
  name: 'csi',
  handles: (volume) => volume.csi !== undefined,
  prepare: ({ pod, volume, signal }, deps) => deps.csi.mount(inlineMount(pod, volume), signal),
  refreshAtMs: ({ pod, volume }, deps) => deps.csi.refreshAtMs(pod.metadata.uid ?? '', volume.name),
};
