import type { LabelSelector, Pod } from '../generated/types.ts';
import { defineStrategy } from '../strategy.ts';
import { sameContainers } from '../validation/pod-resize.ts';
import { podCells } from './pod-cells.ts';
import { podWarnings } from './pod-warnings.ts';
import { qosClassOf } from './qos.ts';
import { cloneJson } from '../meta/json.ts';

/** Adds one requirement per label key that the pod has: `matchLabelKeys` become part of the selector itself. */
function requireOwnLabels(
  pod: Pod,
  selector: LabelSelector | undefined,
  keys: string[] | undefined,
  operator: string,
): void {
  if (!selector) return;
  for (const key of keys ?? []) {
    const value = pod.metadata.labels?.[key];
    if (value === undefined) continue;
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
  }
}

/** KEP-3633 and KEP-3243: label keys of (anti)affinity terms and spread constraints, resolved when the pod is made. */
function mergeMatchLabelKeys(pod: Pod): void {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  for (const affinity of [podAffinity, podAntiAffinity]) {
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...preferred.map((weighted) => weighted.podAffinityTerm),
    ];
    for (const term of terms) {
      requireOwnLabels(pod, term.labelSelector, term.matchLabelKeys, 'In');
      requireOwnLabels(pod, term.labelSelector, term.mismatchLabelKeys, 'NotIn');
    }
  }
  for (const constraint of pod.spec.topologySpreadConstraints ?? [])
    requireOwnLabels(pod, constraint.labelSelector, constraint.matchLabelKeys, 'In');
}

/** A resize changes what containers ask for. Where it names others or orders them otherwise, the rules refuse all of it. */
function keepAllButResources(pod: Pod, old: Readonly<Pod>): void {
  const { metadata, spec } = pod;
  pod.metadata = { ...old.metadata, resourceVersion: metadata.resourceVersion, managedFields: metadata.managedFields };
  pod.status = cloneJson(old.status) as Pod['status'];
  if (!sameContainers(spec, old.spec)) return;
  const kept = cloneJson(old.spec) as Pod['spec'];
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (kept[list] ?? []).entries()) {
      container.resources = spec[list]?.[i]?.resources;
      container.resizePolicy = spec[list]?.[i]?.resizePolicy;
    }
  pod.spec = { ...kept, resources: spec.resources };
}

const completed = (reason: string, message: string) => [{ type: 'Completed', status: 'True', reason, message }];

export const pod = defineStrategy<Pod>({
  prepareForCreate(pod) {
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
    if (pod.spec.schedulingGates?.length)
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
    mergeMatchLabelKeys(pod);
  },
  prepareForStatusUpdate(pod, old) {
    pod.metadata.ownerReferences = old.metadata.ownerReferences;
    pod.status.qosClass ||= old.status.qosClass;
    pod.status.observedGeneration ||= old.status.observedGeneration;
  },
  prepareThrough: { resize: keepAllButResources },
  warnings: (pod) => podWarnings(pod),
  cells: podCells,
  rowConditions({ status }) {
    if (status?.phase === 'Succeeded') return completed('Succeeded', 'The pod has completed successfully.');
    if (status?.phase === 'Failed') return completed('Failed', 'The pod failed.');
    return [];
  },
});
