import { mkdir } from 'node:fs/promises';
import type { VolumeKind } from './volume.ts';

/** The files of an image, read-only (KEP-4639). It is pulled with the images of the containers that mount it. */
export const image: VolumeKind = {
  name: 'image',
  isReadOnly: true,
  handles: (volume) => volume.image !== undefined,
  async prepare({ diskDir }) {
    await mkdir(diskDir, { recursive: true });
    return diskDir;
  },
  fill: ({ pod, volume, diskDir }, { imageMounts }) =>
    imageMounts.mount(pod.metadata.uid ?? '', {
      name: volume.name,
      image: volume.image?.reference ?? '',
      dir: diskDir,
    }),
};
