import type { OwnerReference, Pod, PodTemplateSpec } from '../api/generated/types.ts';
import type { KubeObject, Manifest } from '../api/resource.ts';

/** The pod of a template, named after its owner. */
export function podFromTemplate(
  template: PodTemplateSpec | undefined,
  owner: KubeObject,
  reference: OwnerReference,
): Manifest<Pod> {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const { name, namespace } = owner.metadata;
  return {
    metadata: { generateName: `${name}-`, namespace, labels, annotations, finalizers, ownerReferences: [reference] },
    spec: template?.spec,
  } as Manifest<Pod>;
}
