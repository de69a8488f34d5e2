import { createHash } from 'node:crypto';
import type {
  ContainerExtendedResourceRequest,
  DeviceRequest,
  Node,
  Pod,
  ResourceResourceClaim,
} from '../../api/generated/types.ts';
import { wholeValue } from '../../api/meta/quantity.ts';
import type { DeviceCatalog } from './device-catalog.ts';

/** By which a claim is known that stands for extended resources of a pod. */
export const extendedClaimAnnotation = 'resource.kubernetes.io/extended-resource-claim';

/** What of a pod's extended resources a node has no plugin for, as a claim of devices (KEP-5004). */
export interface ExtendedClaim {
  readonly claim: ResourceResourceClaim;
  readonly mappings: readonly ContainerExtendedResourceRequest[];
  /** It is in the API; otherwise it is made when the pod is bound. */
  readonly isMade: boolean;
}

/** Undefined: the pod asks for nothing here that is not a plugin's. A claim that the pod has already stays its claim. */
export function extendedClaimOf(catalog: DeviceCatalog, pod: Pod, node: Node): ExtendedClaim | undefined {
  const { namespace, name, uid } = pod.metadata;
  const known = pod.status.extendedResourceClaimStatus;
  const made = known && catalog.claims.get(known.resourceClaimName, namespace);
  if (made) return { claim: made, mappings: known.requestMappings, isMade: true };
  const { requests, mappings } = requestsOf(catalog, pod, node);
  if (requests.length === 0) return undefined;
  const metadata = {
    name: `${name}-extended-resources-${suffixOf(uid ?? '')}`,
    namespace,
    annotations: { [extendedClaimAnnotation]: 'true' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Pod', name, uid: uid ?? '', controller: true, blockOwnerDeletion: true },
    ],
  };
  const own = catalog.claims.get(metadata.name, namespace);
  if (own) return { claim: own, mappings, isMade: true };
  const claim: ResourceResourceClaim = { metadata, spec: { devices: { requests } }, status: {} };
  return { claim, mappings, isMade: false };
}

/** Whether any class of devices stands for a resource that the pod asks for. */
export const asksForExtended = (catalog: DeviceCatalog, { spec }: Pod): boolean =>
  [...(spec.initContainers ?? []), ...spec.containers].some(({ resources }) =>
    Object.keys(resources?.requests ?? {}).some((name) => catalog.classFor(name) !== undefined),
  );

function requestsOf(catalog: DeviceCatalog, { spec }: Pod, { status }: Node) {
  const requests: DeviceRequest[] = [];
  const mappings: ContainerExtendedResourceRequest[] = [];
  for (const [i, { name: containerName, resources }] of [
    ...(spec.initContainers ?? []),
    ...spec.containers,
  ].entries()) {
    for (const [j, [resourceName, quantity]] of Object.entries(resources?.requests ?? {})
      .sort()
      .entries()) {
      const deviceClassName = catalog.classFor(resourceName);
      const count = wholeValue(quantity);
      const isOfPlugin = wholeValue(status?.allocatable?.[resourceName] ?? '0') > 0;
      if (deviceClassName === undefined || isOfPlugin || count === 0) continue;
      const name = `container-${i}-request-${j}`;
      requests.push({ name, exactly: { deviceClassName, allocationMode: 'ExactCount', count } });
      mappings.push({ containerName, resourceName, requestName: name });
    }
  }
  return { requests, mappings };
}

/** The same for the same pod: an attempt that was cut short is found again. */
const suffixOf = (uid: string): string => createHash('sha256').update(uid).digest('hex').slice(0, 8);
