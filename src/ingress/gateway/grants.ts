import type { ObjectReference, ReferenceGrant } from './types.ts';

/** Who refers: kind and namespace, all of them of Gateway API's group. */
export interface Referrer {
  group: string;
  kind: string;
  namespace: string;
}

/** Whether an object may refer to another: in its own namespace always, to another if that has a ReferenceGrant for it. */
export function isGranted(from: Referrer, to: Required<ObjectReference>, grants: readonly ReferenceGrant[]): boolean {
  if (to.namespace === from.namespace) return true;
  const isFrom = (f: ReferenceGrant['spec']['from'][number]) =>
    f.group === from.group && f.kind === from.kind && f.namespace === from.namespace;
  const isTo = (t: ReferenceGrant['spec']['to'][number]) =>
    t.group === to.group && t.kind === to.kind && (!t.name || t.name === to.name);
  return grants.some(
    ({ metadata, spec }) => metadata.namespace === to.namespace && spec.from.some(isFrom) && spec.to.some(isTo),
  );
}
