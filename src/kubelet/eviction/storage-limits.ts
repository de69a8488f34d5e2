import type { Container, Pod } from '../../api/generated/types.ts';
import { wholeValue } from '../../api/meta/quantity.ts';
import type { PodStorage } from '../usage/storage-reader.ts';
import { bytesText } from './bytes-text.ts';
import { containerText, podText, volumeText } from './messages.ts';

const limitOf = (container: Container): string | undefined => container.resources?.limits?.['ephemeral-storage'];

/** Only pods that limit their use of the node's disk, or a volume's size, are measured for it. */
export const hasStorageLimits = ({ spec }: Pod): boolean =>
  (spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) ||
  [...spec.containers, ...(spec.initContainers ?? [])].some((container) => limitOf(container) !== undefined);

/** Which of its own limits a pod exceeds, in the words of its status; undefined: none. */
export function exceeded({ spec }: Pod, storage: PodStorage): string | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    const used = storage.volumes.find((volume) => volume.name === name)?.bytes ?? 0;
    if (limit && wholeValue(limit) > 0 && used > wholeValue(limit)) return volumeText(name, limit);
  }
  const limits = spec.containers.map(limitOf);
  // Volumes count for the pod as a whole, when all its containers are limited.
  if (limits.length > 0 && !limits.includes(undefined)) {
    const total = limits.reduce((sum, limit) => sum + wholeValue(limit ?? '0'), 0);
    if (storage.ephemeral.bytes > total) return podText(bytesText(total));
  }
  for (const container of spec.containers) {
    const limit = limitOf(container);
    const parts = [storage.writable, storage.logs].map((of) => of.get(container.name)?.bytes ?? 0);
    const used = parts.reduce((sum, bytes) => sum + bytes, 0);
    if (limit && used > wholeValue(limit)) return containerText(container.name, limit);
  }
  return undefined;
}
