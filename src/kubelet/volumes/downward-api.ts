import { writeAtomically } from './atomic-writer.ts';
import { downwardFiles } from './payload.ts';
import type { VolumeKind } from './volume.ts';

export const downwardAPI: VolumeKind = {
  name: 'downwardAPI',
  isReadOnly: true,
  handles: (volume) => volume.downwardAPI !== undefined,
  async prepare({ pod, volume, memoryDir }, { fieldsOf, rng }) {
    const { items, defaultMode: mode } = volume.downwardAPI ?? {};
    const payload = downwardFiles(pod, items, { ...fieldsOf(pod), mode });
    writeAtomically(memoryDir, payload, { rng, fsGroup: pod.spec.securityContext?.fsGroup });
    return memoryDir;
  },
};
