import type { ConfigMap, KeyToPath, Pod, Secret } from '../../api/generated/types.ts';
import { ConfigError } from '../config/config-error.ts';
import { type FieldContext, fieldValue, resourceValue } from '../config/field-ref.ts';
import type { DownwardAPIVolumeFile } from '../../api/generated/types.ts';
import type { Payload } from './atomic-writer.ts';

const defaultFileMode = 0o644;

/** All keys of an object as bytes. */
export const configMapBytes = ({ data, binaryData }: ConfigMap): Record<string, Buffer> => ({
  ...mapValues(data, (text) => Buffer.from(text)),
  ...mapValues(binaryData, (base64) => Buffer.from(base64, 'base64')),
});

export const secretBytes = ({ data }: Secret): Record<string, Buffer> =>
  mapValues(data, (base64) => Buffer.from(base64, 'base64'));

const mapValues = (map: Record<string, string> | undefined, to: (value: string) => Buffer) =>
  Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, to(value)]));

export interface Selection {
  items?: KeyToPath[];
  mode?: number;
  optional?: boolean;
}

/** The chosen keys as files; every key under its own name when nothing is chosen. */
export function selectKeys(
  bytes: Record<string, Buffer>,
  { items, mode = defaultFileMode, optional }: Selection,
): Payload {
  if (!items?.length) return new Map(Object.entries(bytes).map(([key, data]) => [key, { data, mode }]));
  const payload: Payload = new Map();
  for (const item of items) {
    const data = bytes[item.key];
    if (data) payload.set(item.path, { data, mode: item.mode ?? mode });
    else if (!optional) throw new ConfigError(`references non-existent config key: ${item.key}`);
  }
  return payload;
}

/** Fields of the pod as files (downward API). */
export function downwardFiles(
  pod: Pod,
  items: DownwardAPIVolumeFile[] = [],
  context: FieldContext & { mode?: number },
): Payload {
  const payload: Payload = new Map();
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    const text = fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, context)
      : resourceValue(pod, resourceFieldRef ?? { resource: '' }, context);
    payload.set(path, { data: Buffer.from(text), mode: mode ?? context.mode ?? defaultFileMode });
  }
  return payload;
}
