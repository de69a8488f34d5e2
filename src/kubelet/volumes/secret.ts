import { writeAtomically } from './atomic-writer.ts';
import { secretBytes, selectKeys } from './payload.ts';
import type { VolumeKind } from './volume.ts';

export const secret: VolumeKind = {
  name: 'secret',
  isReadOnly: true,
  handles: (volume) => volume.secret !== undefined,
  async prepare({ pod, volume, memoryDir }, { objects, rng }) {
    const { secretName = '', items, defaultMode, optional } = volume.secret ?? {};
    const found = await objects.secret(pod.metadata.namespace ?? '', secretName);
    if (!found && !optional) throw new Error(`secret "${secretName}" not found`);
    const payload = selectKeys(found ? secretBytes(found) : {}, { items, mode: defaultMode, optional });
    writeAtomically(memoryDir, payload, { rng, fsGroup: pod.spec.securityContext?.fsGroup });
    return memoryDir;
  },
};
