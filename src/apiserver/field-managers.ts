import { updateManagers } from '../api/meta/managed-fields.ts';
import type { Kind } from '../api/kind.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import { type ApiContext, timestamp } from './context.ts';
import type { ApiRequest } from './request.ts';

/** Who writes: the `fieldManager` parameter, else the first part of the user agent (`kubectl/v1.36…` → `kubectl`). */
export function managerOf(request: ApiRequest): string {
  const given = request.query.get('fieldManager');
  if (given) return given;
  // What `split` gives is one text each time, other than what `slice` does: entries are compared by it.
  return request.userAgent.split('/')[0] || 'unknown';
}

export const ownershipTime = (context: ApiContext): string => timestamp(context.clock.now());

/** Paths that this request cannot change, so that nobody comes to own them through it (facts: resetFields). */
export function resetPaths(kind: Kind, subresource: string): readonly string[] {
  if (subresource === '') return kind.resetFields ?? none;
  for (const strategy in kind.resetFieldsOther)
    if (strategy.toLowerCase().endsWith(subresource)) return kind.resetFieldsOther[strategy] ?? none;
  return none;
}

const none: readonly string[] = [];

/** Records in `object.metadata.managedFields` what this write set. Apply has done it while merging. */
export function recordManagers(
  context: ApiContext,
  request: ApiRequest,
  { object, old }: { object: KubeObject; old: KubeObject | undefined },
): void {
  if (request.patchType === 'apply') return;
  object.metadata.managedFields = updateManagers(request.endpoint.type.fields, {
    old,
    object,
    manager: managerOf(request),
    apiVersion: groupVersion(request.endpoint.kind),
    subresource: request.subresource,
    time: ownershipTime(context),
    reset: resetPaths(request.endpoint.kind, request.subresource),
  });
}
