import { qosClassOf } from '../core/qos.ts';
import type {
  Pod,
  PodAffinityTerm,
  PersistentVolumeClaim,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
} from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';

/** Whether a quota counts an object at all: every scope must hold. */
export function isInScope({ spec }: ResourceQuota, resource: string, object: KubeObject): boolean {
  const requirements: ScopedResourceSelectorRequirement[] = [
    ...(spec?.scopes ?? []).map(
      (scopeName) => ({ scopeName, operator: 'Exists' }) as ScopedResourceSelectorRequirement,
    ),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  return requirements.every((requirement) => holds(requirement, resource, object));
}

function holds(requirement: ScopedResourceSelectorRequirement, resource: string, object: KubeObject): boolean {
  if (requirement.scopeName === 'VolumeAttributesClass') {
    if (resource !== 'persistentvolumeclaims') return false;
    const { spec, status } = object as PersistentVolumeClaim;
    const names = [spec.volumeAttributesClassName, status?.currentVolumeAttributesClassName];
    return names.some((name) => name && matches(requirement, name));
  }
  if (resource !== 'pods') return false;
  const { spec } = object as Pod;
  switch (requirement.scopeName) {
    case 'Terminating':
      return spec.activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return spec.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return matches(requirement, spec.priorityClassName || undefined);
    case 'CrossNamespacePodAffinity':
      return reachesOut(spec.affinity?.podAffinity) || reachesOut(spec.affinity?.podAntiAffinity);
    default:
      return false;
  }
}

function matches({ operator, values = [] }: ScopedResourceSelectorRequirement, value: string | undefined): boolean {
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const isIn = value !== undefined && values.includes(value);
  return operator === 'In' ? isIn : !isIn;
}

interface Terms {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  preferredDuringSchedulingIgnoredDuringExecution?: { podAffinityTerm: PodAffinityTerm }[];
}

/** Names other namespaces. */
const reachesOut = (terms: Terms | undefined): boolean =>
  [
    ...(terms?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(terms?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((t) => t.podAffinityTerm),
  ].some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined);
