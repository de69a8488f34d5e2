import { writeAtomically } from './atomic-writer.ts';
import { configMapBytes, selectKeys } from './payload.ts';
import type { VolumeKind } from './volume.ts';

export const configMap: VolumeKind = {
  name: 'configMap',
  isReadOnly: true,
  handles: (volume) => volume.configMap !== undefined,
  async prepare({ pod, volume, memoryDir }, { objects, rng }) {
    const { name = '', items, defaultMode, optional } = volume.configMap ?? {};
    const found = await objects.configMap(pod.metadata.namespace ?? '', name);
    if (!found && !optional) throw new Error(`configmap "${name}" not found`);
    const payload = selectKeys(found ? configMapBytes(found) : {}, { items, mode: defaultMode, optional });
    writeAtomically(memoryDir, payload, { rng, fsGroup: pod.spec.securityContext?.fsGroup });
    return memoryDir;
  },
};
