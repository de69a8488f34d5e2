import { daemonsets } from '../../api/generated/resources.ts';
import type { DaemonSet, Pod, PodSpec, PodTemplateSpec, Toleration } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { controllerReference } from '../ownership.ts';
import { podFromTemplate } from '../pod-template.ts';

export const hashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

/** Daemons stay where others have to leave, and run where others may not start. */
const always: readonly [name: string, effect: Toleration['effect']][] = [
  ['not-ready', 'NoExecute'],
  ['unreachable', 'NoExecute'],
  ['disk-pressure', 'NoSchedule'],
  ['memory-pressure', 'NoSchedule'],
  ['pid-pressure', 'NoSchedule'],
  ['unschedulable', 'NoSchedule'],
];

function tolerationsOf(spec: PodSpec): Toleration[] {
  const wanted = spec.hostNetwork ? [...always, ['network-unavailable', 'NoSchedule'] as const] : always;
  const added = wanted.map(
    ([name, effect]): Toleration => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect }),
  );
  const isAdded = (t: Toleration) =>
    added.some((a) => a.key === t.key && a.operator === t.operator && a.effect === t.effect);
  return [...(spec.tolerations ?? []).filter((t) => !isAdded(t)), ...added];
}

/** The template's spec with what every daemon tolerates: what placement is asked with. */
export const daemonSpec = (template: PodTemplateSpec): PodSpec => {
  const spec = template.spec as PodSpec;
  return { ...spec, tolerations: tolerationsOf(spec) };
};

/** The pod for one node: the scheduler binds it, to that node and no other. */
export function daemonPod(set: DaemonSet, nodeName: string, hash: string): Manifest<Pod> {
  const pod = podFromTemplate(set.spec.template, set, controllerReference(daemonsets, set)) as Pod;
  const generation = set.metadata.annotations?.[generationAnnotation];
  const labels = {
    ...pod.metadata.labels,
    [hashLabel]: hash,
    ...(generation ? { [generationLabel]: generation } : {}),
  };
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }];
  const spec = daemonSpec(set.spec.template);
  const { affinity } = spec;
  const nodeAffinity = {
    ...affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
  };
  return {
    metadata: { ...pod.metadata, labels },
    spec: { ...spec, affinity: { ...affinity, nodeAffinity } },
  } as Manifest<Pod>;
}

/** Where a pod is, or is meant to be. */
export function targetNode({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const field = terms.flatMap((term) => term.matchFields ?? []).find((f) => f.key === 'metadata.name');
  return field?.values?.[0];
}
