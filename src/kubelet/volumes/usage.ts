import type { Pod } from '../../api/generated/types.ts';
import { containersOf } from '../worker/pod-spec.ts';

/** Whether a container of the pod has the volume as files or as a device. */
export const isUsedAs = (pod: Pod, volumeName: string, how: 'volumeMounts' | 'volumeDevices'): boolean =>
  containersOf(pod).some(({ container }) => container[how]?.some(({ name }) => name === volumeName));
