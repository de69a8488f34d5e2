import { statefulsets } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet, Volume } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { controllerReference } from '../ownership.ts';
import { podFromTemplate } from '../pod-template.ts';

export const labelNames = {
  podName: 'statefulset.kubernetes.io/pod-name',
  podIndex: 'apps.kubernetes.io/pod-index',
  revision: 'controller-revision-hash',
} as const;

export const replicasOf = (set: StatefulSet): number => set.spec.replicas ?? 1;
export const startOf = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0;
export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** `web-3` is number 3 of `web`; undefined for names of another form. */
export function parsePodName(name: string): { set: string; ordinal: number } | undefined {
  const match = /^(.*)-(\d+)$/.exec(name);
  return match ? { set: match[1] as string, ordinal: Number(match[2]) } : undefined;
}

export const ordinalOf = (pod: Pod): number => parsePodName(pod.metadata.name)?.ordinal ?? -1;
export const isMember = (set: StatefulSet, pod: Pod): boolean =>
  parsePodName(pod.metadata.name)?.set === set.metadata.name;
export const isInRange = (set: StatefulSet, ordinal: number): boolean =>
  ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set);
export const revisionOf = (pod: Pod): string | undefined => pod.metadata.labels?.[labelNames.revision];

/** The claims of one pod, as they are created. They outlive the pod: their name is all that ties them to it. */
export const claimsOf = (set: StatefulSet, ordinal: number): Manifest<PersistentVolumeClaim>[] =>
  (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: `${metadata.name}-${podName(set, ordinal)}`,
      namespace: set.metadata.namespace,
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      annotations: metadata.annotations,
    },
    spec,
  }));

/** The pod of one ordinal, from a template that need not be the set's present one. */
export function podOf(
  set: StatefulSet,
  ordinal: number,
  { template, revision }: { template: PodTemplateSpec; revision: string },
): Manifest<Pod> {
  const pod = podFromTemplate(template, set, controllerReference(statefulsets, set)) as Pod;
  const { generateName: _, ...metadata } = pod.metadata;
  const name = podName(set, ordinal);
  const labels = { ...metadata.labels, [labelNames.revision]: revision };
  const spec = { ...pod.spec, hostname: name, subdomain: set.spec.serviceName || undefined };
  return withIdentity(set, { ...pod, metadata: { ...metadata, name, labels }, spec }) as Manifest<Pod>;
}

/** The pod with the labels and volumes that make it this member of the set. */
export function withIdentity(set: StatefulSet, pod: Pod): Pod {
  const { name } = pod.metadata;
  const ordinal = String(ordinalOf(pod));
  const labels = { ...pod.metadata.labels, [labelNames.podName]: name, [labelNames.podIndex]: ordinal };
  const volumes = volumesOf(set, pod);
  return { ...pod, metadata: { ...pod.metadata, labels }, spec: { ...pod.spec, volumes } };
}

function volumesOf(set: StatefulSet, pod: Pod): Volume[] | undefined {
  const templates = set.spec.volumeClaimTemplates ?? [];
  if (templates.length === 0) return pod.spec.volumes;
  const names = new Set(templates.map((t) => t.metadata.name));
  const claims = templates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-${pod.metadata.name}`, readOnly: false },
  }));
  return [...claims, ...(pod.spec.volumes ?? []).filter((v) => !names.has(v.name))];
}

export function hasIdentity(set: StatefulSet, pod: Pod): boolean {
  const { labels, name } = pod.metadata;
  if (labels?.[labelNames.podName] !== name || labels[labelNames.podIndex] !== String(ordinalOf(pod))) return false;
  return (set.spec.volumeClaimTemplates ?? []).every((t) =>
    pod.spec.volumes?.some(
      (v) => v.name === t.metadata.name && v.persistentVolumeClaim?.claimName === `${v.name}-${name}`,
    ),
  );
}
