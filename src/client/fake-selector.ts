import { matchesFields, parseFieldSelector } from '../api/meta/field-selector.ts';
import { parseLabelSelector } from '../api/meta/label-selector.ts';
import type { KubeObject } from '../api/resource.ts';

/** The selectors of a query. Any path into the object may be a field, more than a real server allows. */
export function selectorOf(labels = '', fields = ''): (object: KubeObject) => boolean {
  const matchesLabels = parseLabelSelector(labels);
  const requirements = parseFieldSelector(fields);
  return (object) =>
    matchesLabels(object.metadata.labels ?? {}) &&
    matchesFields(
      requirements,
      Object.fromEntries(requirements.map(({ field }) => [field, String(at(object, field) ?? '')])),
    );
}

const at = (object: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
